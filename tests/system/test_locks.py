"""Locks between processes: one writer, named to the others, freed however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fercli.errors import RefusedError
from fercli.system.locks import hold_lock

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom fercli.system.locks import hold_lock\n"
    "with hold_lock(Path(sys.argv[1]), output=Path('out')):\n    print('held', flush=True)\n    time.sleep(600)"
)


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_lock__of_another_process__is_refused_with_its_number_and_freed_when_it_is_killed(tmp_path: Path):
    path = tmp_path / ".out.lock"
    process = _holder(path)
    with process:
        with (
            pytest.raises(RefusedError, match=rf"another run is writing out \(process {process.pid}\)"),
            hold_lock(path, output=Path("out")),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.exists()
    with hold_lock(path, output=Path("out")):
        assert path.read_text() == str(os.getpid())
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "dangling link", "second name", "text", "pipe", "folder"])
def test_lock__replaces_no_other_file_of_its_name(kind: str, tmp_path: Path):
    # an archive from a stranger may hold a link of this name to any file of the user
    victim, path = tmp_path / "victim.txt", tmp_path / ".p.csv.lock"
    if kind != "dangling link":
        victim.write_text("precious")
    if "link" in kind:
        path.symlink_to(victim)
    elif kind == "second name":
        victim.write_text("")
        path.hardlink_to(victim)
    elif kind == "text":
        path.write_text("precious")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    before = victim.read_text() if victim.exists() else None
    with pytest.raises(RefusedError, match="is not a lock file of fer"), hold_lock(path, output=Path("out")):
        pass
    assert (victim.read_text() if victim.exists() else None) == before
    assert os.path.lexists(path)


def test_lock__has_no_gap(tmp_path: Path):
    path, inside, most = tmp_path / "lock", [], []

    def work() -> None:
        for _ in range(200):
            try:
                with hold_lock(path, output=path):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except RefusedError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_lock__in_a_folder_that_cannot_be_written__is_an_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot write in"), hold_lock(tmp_path / "file" / "lock", output=tmp_path):
        pass
