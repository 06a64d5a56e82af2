"""`fer distill` as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.train.distill import DistillConfig, DistillResult


def test_distill__passes_its_options_on_and_prints_the_error(
    two_classes: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    calls: list[dict[str, Any]] = []

    def distill(teacher: Path, dataset: object, *, out: Path, config: DistillConfig, **arguments: Any) -> DistillResult:
        calls.append({"config": config, **arguments})
        return DistillResult(out, images=1, epochs=2, error=0.0345)

    monkeypatch.setattr("fercli.train.distill.distill", distill)
    out = tmp_path / "part.safetensors"
    line = ["distill", "teacher.pt", str(two_classes(train=1)), "-o", str(out), "--epochs", "2", "--images", "1"]
    assert main([*line, "--model", "btn-tiny", "--overwrite"]) == ExitCode.DONE
    [call] = calls
    assert call["config"] == DistillConfig(images=1, epochs=2)
    assert (call["model"].preset, call["overwrite"]) == ("btn-tiny", True)
    assert "1 image, 2 epochs, mean error 3.45 %" in capsys.readouterr().out


def test_distill__refuses_an_existing_file(two_classes: Callable[..., Path], tmp_path: Path):
    (tmp_path / "part").write_text("earlier")
    assert main(["distill", "teacher.pt", str(two_classes(train=1)), "-o", str(tmp_path / "part")]) == ExitCode.REFUSED
