"""Reading checkpoints: what is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from fercli.errors import WeightsError
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint


def test_load_checkpoint__refuses_what_is_no_checkpoint(tmp_path: Path):
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(WeightsError, match="is damaged"):
        load_checkpoint(tmp_path / "text.pt")
    save_checkpoint(tmp_path / "odd.pt", {"other": 1})
    with pytest.raises(WeightsError, match="not a checkpoint of fer train"):
        load_checkpoint(tmp_path / "odd.pt")


class Malicious:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("exit 1",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_load_checkpoint__of_a_stranger_runs_no_code_and_gives_no_advice(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps(Malicious(), protocol=protocol))
    run: list[str] = []
    monkeypatch.setattr(os, "system", run.append)
    with pytest.raises(WeightsError, match="is damaged, or contains more than tensors") as refused:
        load_checkpoint(tmp_path / "checkpoint.pt")  # a warning would be an error here
    assert run == []
    assert "weights_only" not in refused.value.message + refused.value.fix + capsys.readouterr().err
