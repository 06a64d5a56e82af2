"""What a release consists of: one version, its section of the changelog, the container and the workflow of the checks."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from fercli import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SECTIONS = re.findall(r"^## (.+)$", (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8"), re.MULTILINE)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def steps() -> list[tuple[str, str]]:
    """Instruction and arguments of every step of the Dockerfile, continued lines joined, without comments."""
    lines = [line for line in DOCKERFILE.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined]


def _docker_runs() -> bool:
    """Whether there is a client and an engine that answers it."""
    return (
        shutil.which("docker") is not None
        and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    )


RELEASES = SECTIONS[1:] if SECTIONS[0] == "Unreleased" else SECTIONS


def test_changelog__has_the_version_of_the_program_after_what_is_unreleased():
    assert RELEASES[0].split()[0] == __version__


def test_changelog__dates_every_released_version_newest_first():
    parsed = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)", section) for section in RELEASES]
    assert all(parsed), RELEASES
    numbers = [tuple(int(part) for part in match.groups()[:3]) for match in parsed if match]
    assert numbers == sorted(numbers, reverse=True)


def test_readme__says_how_to_get_the_source_without_a_host():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^git clone URL fer && cd fer$", readme, re.MULTILINE)


def test_dockerfile__copies_files_that_exist_and_that_are_sent_to_the_builder():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = {
        source
        for instruction, arguments in steps()
        if instruction == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    }
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert copied == sent
    assert copied >= {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert copied >= {*PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]}


def test_dockerfile__uses_a_tested_python_and_no_root():
    bases = {arguments.split()[0] for instruction, arguments in steps() if instruction == "FROM"}
    [base] = bases  # the wheel is built where it is used
    python = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", base)
    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in PROJECT["project"]["classifiers"]
    instructions = [instruction for instruction, _ in steps()]
    assert instructions.index("USER") > max(index for index, name in enumerate(instructions) if name == "RUN")
    assert dict(steps())["USER"] not in {"root", "0"}
    assert dict(steps())["ENTRYPOINT"] == '["fer"]', "the exec form, so that signals arrive"


def test_dockerfile__installs_what_opencv_needs_and_leaves_no_lists():
    [system] = [arguments for instruction, arguments in steps() if instruction == "RUN" and "apt-get" in arguments]
    assert "--no-install-recommends" in system
    assert "rm -rf /var/lib/apt/lists/*" in system
    assert "libgl1 libglib2.0-0" in (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert "libgl1 libglib2.0-0" in system


def test_dockerfile__builds_the_variants_that_it_names():
    named = re.findall(r"EXTRAS=(\w+)", DOCKERFILE)
    assert named
    assert {*named} <= {*PROJECT["project"]["optional-dependencies"]}


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_dockerfile__has_commands_that_a_shell_reads():
    for instruction, arguments in steps():
        if instruction == "RUN":
            subprocess.run(["sh", "-n", "-c", arguments], check=True)


@pytest.mark.slow
@pytest.mark.skipif(not _docker_runs(), reason="needs a Docker engine")
def test_dockerfile__builds_an_image_that_predicts():
    subprocess.run(["docker", "build", "-t", "fer-test", "."], cwd=ROOT, check=True)
    photo = ["-v", f"{ROOT / 'docs' / 'images'}:/data:ro", "fer-test", "predict", "astronaut.jpg", "--json"]
    done = subprocess.run(["docker", "run", "--rm", *photo], capture_output=True, encoding="utf-8", check=True)
    assert '"label": "happiness"' in done.stdout


def test_workflow__runs_the_checks_and_three_systems():
    assert "run: bash .ci/run" in WORKFLOW
    assert "system: [ubuntu-latest, macos-latest, windows-latest]" in WORKFLOW
    assert "contents: read" in WORKFLOW, "the token may not write"
    pythons = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["project"]["classifiers"]), re.MULTILINE)
    assert f'python: ["{pythons[0]}", "{pythons[-1]}"]' in WORKFLOW
