"""Write constraints.txt from the environments of several Pythons: python .ci/write_constraints.py ENVIRONMENT/bin/python ...

Each environment has `pip install '.[all,test,docs,release]' hatchling` of its own, without constraints.
"""

import json
import subprocess
import sys
from pathlib import Path

HEAD = """\
# The exact versions that .ci/run installs, all extras included, for installs that must repeat:
# pip install -c constraints.txt '.[test]'
"""
LIST = """\
import importlib.metadata, json, sys
names = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()}
print(json.dumps([".".join(map(str, sys.version_info[:2])), names]))
"""
IGNORED = {"fercli", "pip"}


def main(pythons: list[str]) -> None:
    """Ask every Python what it has installed, and write one line per version."""
    asked = [subprocess.run([python, "-c", LIST], capture_output=True, check=True).stdout for python in pythons]
    installed: dict[str, dict[str, str]] = dict(json.loads(answer) for answer in asked)
    lines = []
    for name in sorted({name for names in installed.values() for name in names} - IGNORED):
        versions = {python: names[name] for python, names in installed.items() if name in names}
        if len(set(versions.values())) == 1:
            lines.append(f"{name}=={next(iter(versions.values()))}")
        else:
            lines += [f'{name}=={version}; python_version == "{python}"' for python, version in versions.items()]
    Path("constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
