"""Ray: the parts of its workers are those of one process, and a killed worker loses nothing."""

from __future__ import annotations

import csv
import ipaddress
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.config.detect import DetectConfig
from fercli.errors import ExitCode
from fercli.faces.detector import open_detector
from fercli.media.sources import find_sources
from fercli.media.video_writer import VideoWriter
from fercli.predict.cluster import Work, Worker
from fercli.predict.options import PredictOptions
from fercli.predict.parts import read_parts, write_inventory
from fercli.weights.classifier import load_classifier

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"
LISTENING = "0A"  # the state of a socket in /proc/net/tcp
pytest.importorskip("pyarrow")


def _models():
    return load_classifier(None, "auto", "cpu"), open_detector(DetectConfig(), "cpu")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three clips, three photos and a broken photo."""
    folder = tmp_path / "files"
    folder.mkdir()
    with Image.open(PHOTO) as opened:
        picture = np.asarray(opened.convert("RGB").resize((256, 256)))
    for number in range(3):
        shutil.copy(PHOTO, folder / f"{number}.jpg")
        writer = VideoWriter(folder / f"{number}.mp4")
        for frame in range(10 + number):
            writer.write(picture, frame / 10)
        writer.close()
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["status"] != "unreadable"]


def test_worker__writes_the_parts_of_its_files_and_returns_their_status(files: Path, tmp_path: Path):
    work = pickle.loads(pickle.dumps(Work(tmp_path / "parts", PredictOptions(), {"a": "b"}, _models)))
    worker = Worker(work)
    sources = find_sources([str(files)])
    batch = {"source": [pickle.dumps(source) for source in sources]}
    columns = worker(batch)
    assert columns["key"] == [source.key for source in sources]
    by_name = dict(zip([source.path.name for source in sources], zip(*columns.values(), strict=True), strict=True))
    _, part, fault, images, faces, earlier = by_name["2.mp4"]
    assert (fault, images, faces, earlier) == (None, 12, 12, False)
    assert (tmp_path / "parts" / part).is_file()
    assert by_name["broken.jpg"][2]
    assert set(columns["earlier"]) == {False}
    again = worker(batch)
    assert again["part"] == columns["part"]
    assert again["earlier"] == [source.path.name != "broken.jpg" for source in sources]


def test_inventory__of_files_whose_part_is_not_known_yet_says_that_they_are_missing(tmp_path: Path):
    write_inventory(tmp_path, {}, ["a"], [("x.jpg", None)])
    found = read_parts(tmp_path)
    assert (found.parts, found.missing, found.missing_shards) == ((), ("x.jpg",), ())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--engine", "ray"],
        ["--engine", "ray", "--out", "OUT", "--shard", "1/2"],
        ["--engine", "ray", "--out", "OUT", "--save", "OUT.csv"],
        ["--engine", "ray", "--out", "OUT", "--resume"],
        ["--address", "auto"],
        ["--workers", "2"],
        ["--gpus-per-worker", "0.5", "--engine", "onnx"],
    ],
)
def test_options__that_contradict_each_other_are_refused(arguments: list[str], tmp_path: Path):
    given = [argument.replace("OUT", str(tmp_path / "out")) for argument in arguments]
    assert main(["predict", str(PHOTO), *given]) == ExitCode.USAGE


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(path.parent.name), *_descendants(int(path.parent.name))]
    return found


def _ray_workers(pid: int) -> list[int]:
    """The processes of Ray that read files."""
    found = []
    for number in _descendants(pid):
        with suppress(OSError):  # it has ended
            if b"MapWorker" in (Path("/proc") / str(number) / "cmdline").read_bytes():
                found.append(number)
    return found


def _addresses(pid: int) -> set[str]:
    """Addresses of the sockets of a process and its descendants: where they listen, and what they are connected to."""
    inodes = set()
    for number in (pid, *_descendants(pid)):
        for link in (Path("/proc") / str(number) / "fd").iterdir():
            with suppress(OSError):
                inodes.add(link.readlink().name.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
            _, local, remote, state, *rest = line.split()
            if rest[5] in inodes:
                found.add(_address(local if state == LISTENING else remote))
    return found


def _address(text: str) -> str:
    """The address of a line of /proc/net/tcp: words of four bytes, each in the order of the machine."""
    words = bytes.fromhex(text.partition(":")[0])
    ordered = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    address = ipaddress.ip_address(ordered)
    return str(getattr(address, "ipv4_mapped", None) or address)


def test_address__of_a_socket_is_read_from_proc():
    assert _address("0100007F:1F90") == "127.0.0.1"
    assert _address("0000000000000000FFFF00000100007F:1F90") == "127.0.0.1"
    assert _address("00000000000000000000000001000000:1F90") == "::1"
    assert _address("00000000000000000000000000000000:1F90") == "::"


def _run_with_a_killed_worker(files: Path, parts: Path, addresses: set[str]) -> tuple[bool, str]:
    """Kill a worker after the first part, and note the addresses before: whether one was killed, and the output."""
    command = [sys.executable, "-m", "fercli", "predict", str(files), "--out", str(parts)]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    was_killed = False
    with subprocess.Popen(
        [*command, "--engine", "ray", "--workers", "2"], env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 600
        while not list(parts.rglob("*.parquet")) and run.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                addresses |= _addresses(run.pid)
            time.sleep(0.02)
        for worker in _ray_workers(run.pid)[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                was_killed = True
        out, _ = run.communicate(timeout=600)
    assert run.returncode == ExitCode.DONE
    return was_killed, out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_ray__with_a_killed_worker_has_the_rows_of_one_process(files: Path, tmp_path: Path):
    pytest.importorskip("ray")
    one, merged = tmp_path / "one.csv", tmp_path / "merged.csv"
    addresses: set[str] = set()
    for attempt in range(5):  # on a busy machine everything may be read before a worker is found
        parts = tmp_path / f"parts{attempt}"
        was_killed, out = _run_with_a_killed_worker(files, parts, addresses)
        if was_killed:
            break
    assert was_killed, "a worker was killed while it read"
    assert addresses, "Ray's processes talk to each other"
    assert {address for address in addresses if not ipaddress.ip_address(address).is_loopback} == set()
    assert main(["predict", str(files), "--save", str(one)]) == ExitCode.DONE
    assert main(["merge", str(parts), "--save", str(merged)]) == ExitCode.DONE
    assert rows(merged) == rows(one)
    assert len(rows(one)) == 3 + 10 + 11 + 12
    found = read_parts(parts)
    assert (found.missing, found.missing_shards) == ((), ())
    assert [Path(source).name for source, _ in found.failed] == ["broken.jpg"]
    assert "6 files read" in out or "finished earlier" in out
    written = {path: path.stat().st_mtime_ns for path in parts.rglob("*.parquet")}
    assert main(["predict", str(files), "--out", str(parts), "--shard", "1/1"]) == ExitCode.DONE
    assert {path: path.stat().st_mtime_ns for path in parts.rglob("*.parquet")} == written, "a shard has the same parts"


@pytest.mark.slow
def test_ray__without_a_cluster_at_the_address_is_refused(tmp_path: Path):
    pytest.importorskip("ray")
    command = [sys.executable, "-m", "fercli", "predict", str(PHOTO), "--out", str(tmp_path), "--engine", "ray"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [*command, "--address", "auto"],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == ExitCode.REFUSED
    assert "error: --address auto: no Ray cluster answers" in done.stderr
    assert "ray start" in done.stderr
    assert "Traceback" not in done.stderr
