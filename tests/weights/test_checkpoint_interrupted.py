"""A checkpoint that cannot be completed: the cause is raised, not what torch's writer says, and the old one stays."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from fercli.weights.checkpoint import load_checkpoint, save_checkpoint

STATE = {"model": {"weight": torch.zeros(20_000)}}


class Failing:
    """A file whose write fails after so many bytes."""

    def __init__(self, file: Any, error: BaseException, after: int) -> None:
        self._file, self._error, self._left = file, error, after

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        self._left -= len(content)
        if self._left < 0:
            raise self._error
        return int(self._file.write(content))


@pytest.mark.parametrize("after", [0, 100, 1000, 50_000, 80_300])
@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_save_checkpoint__raises_what_broke_it_off(kind: type[BaseException], after: int, tmp_path: Path, monkeypatch):
    path, error = tmp_path / "checkpoint.pt", kind(errno.ENOSPC, "No space left on device")
    save_checkpoint(path, {**STATE, "epoch": 1})
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: Failing(opened(self, *a, **k), error, after))
    with pytest.raises(type(error)) as caught:
        save_checkpoint(path, {**STATE, "epoch": 2})
    monkeypatch.undo()
    if isinstance(error, OSError):
        assert caught.value.filename == str(path)
    assert load_checkpoint(path)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
