"""An audit of a small data set with planted wrong labels: ranking, files, and training on its csv."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig, SamConfig
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.data.training_changes import TrainingChanges, apply_changes
from fercli.errors import DataError, RefusedError, UsageError
from fercli.explain.audit import SIGNALS, AuditOptions, audit
from fercli.media.images import write_image
from fercli.train.options import TrainOptions
from fercli.train.train import train
from fercli.weights.run_folder import RunConfig, RunFolder

Faces = Callable[..., Dataset]
ON_TEST = AuditOptions(split="test", device="cpu", show=1)


@pytest.fixture
def plain(tmp_path: Path) -> Faces:
    """Dark pictures are neutral, bright ones happiness; `swapped` of each are labelled the other way."""

    def make(name: str, swapped: int) -> Dataset:
        draw = np.random.default_rng(0)
        for split, count in (("train", 30), ("val", 4)):
            for number in range(2 * count):
                bright = number >= count
                flip = split == "train" and number % count < swapped
                label = "happiness" if bright != flip else "neutral"
                picture = draw.integers(130 * bright, 130 * bright + 100, (48, 48, 3), dtype=np.uint8)
                write_image(tmp_path / name / split / label / f"{number}.png", picture)
        return open_dataset(str(tmp_path / name))

    return make


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_audit__finds_planted_labels_and_training_reads_the_corrections(plain: Faces, tmp_path: Path):
    noisy, clean = plain("noisy", 3), plain("clean", 0)
    recipe = replace(
        RECIPES["compact"],
        epochs=6,
        batch_size=12,
        ema=0.0,
        loss=LossConfig(soft_targets=False),
        sam=SamConfig(rho=0.0),
        augment=replace(RECIPES["compact"].augment, brightness=0, contrast=0, erase=0),
    )
    config = RunConfig(dataset="noisy", data=None, model=MODELS["btn-tiny"], train=recipe, init=())
    train(noisy, tmp_path / "run", config=config, options=TrainOptions(device="cpu"))
    out = tmp_path / "audit"
    result = audit(
        str(tmp_path / "run"),
        str(noisy.root),
        out,
        AuditOptions(device="cpu", batch_size=30, show=20, accept=6, by=SIGNALS),
        truth=str(clean.root),
    )
    # 6 of 60 labels are wrong: dark and bright are easy to separate, so they come first
    assert (result.images, result.checked, result.wrong) == (60, 60, pytest.approx(0.1))
    assert result.signals == ("loss", "disagreement", "batch", "batch_labels")
    assert result.rankings[0].average_precision > 0.9
    assert [ranked.ranking for ranked in result.rankings] == ["score", *result.signals]
    rows = rows_of(out / "audit.csv")
    assert all(
        0 <= float(row["disagreement"]) < 14 for row in rows
    )  # next to none here: a confident network, and confident others
    assert [row["rank"] for row in rows] == [str(number) for number in range(1, 61)]
    first = rows[:6]
    assert all(row["truth"] != row["label"] and row["suggested"] == row["truth"] for row in first)
    assert [row["new_label"] for row in rows] == [row["truth"] for row in first] + [""] * 54
    assert (out / "sheet-1.png").stat().st_size
    corrected = apply_changes(noisy, TrainingChanges(relabel=str(out / "audit.csv")))
    assert {sample.path.name: sample.label for sample in corrected.split("train")} == {
        sample.path.name: sample.label for sample in clean.split("train")
    }


def test_audit__of_a_run_with_label_noise_ranks_the_noisy_labels(make_run, two_classes, tmp_path: Path):
    faces = open_dataset(str(two_classes(train=8)))
    run = RunFolder(make_run("run"))
    changes = TrainingChanges(noise=0.25)
    noisy = apply_changes(faces, changes)
    record = json.loads(run.config.read_text())
    run.config.write_text(json.dumps(record | {"changes": asdict(changes), "fingerprint": noisy.fingerprint}))
    options = replace(ON_TEST, split="train")
    result = audit(str(run.path), str(faces.root), tmp_path / "audit", options)
    train_images = len(faces.split("train"))
    assert (result.checked, result.wrong) == (train_images, pytest.approx(round(0.25 * train_images) / train_images))
    assert "25 % label noise (seed 0)" in result.data
    found = {row["path"]: (row["label"], row["truth"]) for row in rows_of(tmp_path / "audit" / "audit.csv")}
    clean = {s.called(faces.root): faces.labels[s.label] for s in faces.split("train")}
    assert {name: truth for name, (_, truth) in found.items()} == clean
    assert {name: label for name, (label, _) in found.items()} == {
        s.called(noisy.root): noisy.labels[s.label] for s in noisy.split("train")
    }
    # the labels of another data set than the run's stay as they are
    run.config.write_text(json.dumps(record | {"changes": asdict(changes), "fingerprint": "other"}))
    other = audit(str(run.path), str(faces.root), tmp_path / "other", options)
    assert (other.wrong, other.checked) == (None, 0)


def test_audit__weights_without_a_batch_part_rank_by_loss_with_a_warning(make_run, three_classes, tmp_path: Path):
    run = make_run("run")
    out = tmp_path / "audit"
    result = audit(str(run / "last.safetensors"), str(three_classes.root), out, ON_TEST)
    assert result.signals == ("loss",)
    assert "has no batch part" in result.remarks[0]
    scores = [float(row["score"]) for row in rows_of(out / "audit.csv")]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 24
    assert json.loads((out / "audit.json").read_text())["images"] == 24


def test_audit__votes_count_where_they_exist(make_run, tmp_path: Path):
    # three voted test images, the second of which nobody calls what it is labelled
    root = tmp_path / "voted"
    (root / "images").mkdir(parents=True)
    rows = ["path,split,label,votes_neutral,votes_happiness,votes_sadness"]
    for number, votes in enumerate(("9,1,0", "0,10,0", "")):
        write_image(root / "images" / f"{number}.png", np.full((48, 48, 3), 100, np.uint8))
        rows.append(f"images/{number}.png,test,neutral,{votes or '0,0,0'}")
    (root / "dataset.csv").write_text("\n".join(rows) + "\n")
    facts = {"format": 1, "name": "voted", "schema": "toy", "labels": ["neutral", "happiness", "sadness"]}
    (root / "dataset.json").write_text(json.dumps(facts))
    result = audit(str(make_run("run")), str(root), tmp_path / "audit", replace(ON_TEST, batch_size=3))
    assert result.signals == ("loss", "disagreement", "batch", "batch_labels", "votes")
    found = rows_of(tmp_path / "audit" / "audit.csv")
    assert found[0]["path"] == "images/1.png"
    assert (found[0]["suggested"], float(found[0]["votes"])) == ("happiness", pytest.approx(13.8155, abs=1e-3))
    assert {row["path"]: row["votes"] for row in found}["images/2.png"] == ""
    assert result.ranked_by == ("loss", "votes")
    options = replace(ON_TEST, by=["batch"])
    others = audit(str(make_run("b")), str(root), tmp_path / "other", options)
    assert others.ranked_by == ("batch",)
    rows = rows_of(tmp_path / "other" / "audit.csv")
    assert [row["score"] for row in rows] == [row["batch"] for row in rows]
    options = replace(ON_TEST, by=["disagreement"])
    gap = audit(str(make_run("gap")), str(root), tmp_path / "gap-audit", options)
    assert gap.ranked_by == ("disagreement",)
    rows = rows_of(tmp_path / "gap-audit" / "audit.csv")
    assert [row["score"] for row in rows] == [row["disagreement"] for row in rows]
    # three pictures that are the same to the bit: each has the prediction of the others
    assert [float(row["disagreement"]) for row in rows] == pytest.approx([0, 0, 0], abs=1e-4)
    with pytest.raises(UsageError, match="unknown signal looks"):
        AuditOptions(by=["looks"])


def test_audit__refuses_a_truth_of_other_images_and_an_existing_folder(make_run, three_classes, tmp_path: Path):
    run = str(make_run("run"))
    write_image(tmp_path / "other" / "test" / "neutral" / "else.png", np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(DataError, match="by file name"):
        audit(run, str(three_classes.root), tmp_path / "audit", ON_TEST, truth=str(tmp_path / "other"))
    with pytest.raises(DataError, match="no train images"):
        audit(run, str(three_classes.root), tmp_path / "audit", AuditOptions(device="cpu"))
    (tmp_path / "audit").mkdir()
    with pytest.raises(RefusedError):
        audit(run, str(three_classes.root), tmp_path / "audit", ON_TEST)
