"""Reading checkpoints: what is refused."""

from __future__ import annotations

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
