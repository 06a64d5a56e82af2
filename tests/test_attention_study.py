"""The script of the study of class batch attention on frozen features, on random features."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[1] / "docs" / "attention_study.py"
SHAPES = ((64, 12, 12), (128, 6, 6), (256, 3, 3))


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("attention_study", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in {"IMAGES": 64, "EPOCHS": 2, "BATCH": 32}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.slow
def test_study__continues_where_it_stopped_and_writes_its_tables(study: ModuleType, tmp_path: Path):
    draw = torch.Generator().manual_seed(0)
    features = {}
    for split, count in (("val", 80), ("val-flip", 80), ("test", 40)):
        features[split] = [torch.randn(count, *shape, generator=draw).half() for shape in SHAPES]
        features[f"{split}-label"] = torch.arange(count) % 8
        features[f"{split}-first"] = (torch.arange(count) + (torch.arange(count) % 4 == 0)) % 8  # a quarter is wrong
    torch.save(features, tmp_path / "features.pt")
    rows = [row for row in study.ROWS if row.name in ("baseline", "+ refine")]
    others = [row for row in study.ROWS if row.name in ("EMA teacher", "permuted")]
    for seeds in (1, 2):
        study.run_study(
            tmp_path / "features.pt", tmp_path / "out", seeds=seeds, conditions=["30"], rows=rows, mla=False
        )
    runs = study.read_runs(tmp_path / "out" / "runs.csv")
    assert [(run["seed"], run["row"]) for run in runs] == [
        (seed, row) for seed in (0, 1) for row in ("baseline", "+ refine")
    ]
    study.run_study(tmp_path / "features.pt", tmp_path / "controls", seeds=1, conditions=["0"], rows=others, mla=False)
    assert [run["row"] for run in study.read_runs(tmp_path / "controls" / "runs.csv")] == ["EMA teacher", "permuted"]
    wrong = study.noisy_labels(features, "30", 0) != features["val-label"]
    assert int(wrong.sum()) == 24  # 30 % of 80, never the same class
    assert [run["attention_own"] for run in runs if run["row"] == "+ refine"] == [0.0, 0.0]
    assert all(0 <= run["vit_on_wrong"] <= 1 for run in runs)
    study.write_tables(tmp_path / "out" / "runs.csv", tmp_path / "out", "baseline")
    of_baseline = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert "| + refine |" in of_baseline
    assert (tmp_path / "out" / "30.png").is_file()
    study.write_tables(tmp_path / "out" / "runs.csv", tmp_path / "out", "+ refine")
    of_refine = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert difference_of("baseline", of_refine) == -difference_of("+ refine", of_baseline)


def difference_of(row: str, results: str) -> float:
    """The difference in points of a row of the printed table."""
    line = next(line for line in results.splitlines() if line.startswith(f"| {row} |"))
    return float(line.split("|")[10].split()[0])
