"""A Predictor in a process that was forked from the one that loaded it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from fercli.errors import DeviceError, RefusedError
from fercli.predictor import Predictor

BRIGHT = np.full((80, 90, 3), 99, np.uint8)

FORK = """
import os, sys
os.environ["OMP_NUM_THREADS"] = "2"
import numpy as np
from skimage import data
from fercli import Predictor
photo = data.astronaut()
predictor = Predictor()
before = [face.label for face in predictor.image(photo).faces]
read, write = os.pipe()
child = os.fork()
if child == 0:
    after = [face.label for face in predictor.image(photo).faces]
    frames = len(list(predictor.video([photo] * 3, fps=25)))
    os.write(write, repr((after, frames)).encode())
    sys.exit(0)
os.close(write)
assert eval(os.read(read, 1000)) == (before, 3), "the child answers differently"
assert os.waitpid(child, 0)[1] == 0, "the child did not end"
print(len(before))
"""


THREADS = """
import os, threading
os.environ["OMP_NUM_THREADS"] = "2"
from skimage import data
from fercli import Predictor
photo = data.astronaut()
predictor = Predictor()
begun = predictor.images(iter([photo] * 40))
next(begun)
child = os.fork()
if child == 0:
    answers = []
    together = [threading.Thread(target=lambda: answers.append(len(predictor.image(photo).faces))) for _ in range(3)]
    for thread in together: thread.start()
    for thread in together: thread.join(300)
    try:
        next(begun)
    except Exception as error:
        answers.append("begun before the fork" in str(error))
    del begun
    raise SystemExit(0 if answers == [1, 1, 1, True] else 3)
assert os.waitpid(child, 0)[1] == 0, "the child hangs, or answers wrongly"
print(len(list(begun)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_predictor__works_in_a_forked_process():
    assert _run(FORK).strip() == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_predictor__serves_threads_of_a_forked_process_and_refuses_results_that_its_parent_began():
    assert _run(THREADS).strip() == "39"


@pytest.mark.parametrize(
    ("name", "value", "kind"), [("device", "cuda:0", DeviceError), ("engine", "torch", RefusedError)]
)
def test_predictor__refuses_a_fork_that_would_hang(
    name: str, value: str, kind: type[Exception], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(type(predictor._classifier), name, value)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(kind, match="forked process"):
        predictor.image(BRIGHT)


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout
