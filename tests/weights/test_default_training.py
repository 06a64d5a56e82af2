"""weights/default: crops of stored pictures, the losses of the three heads, and a run from pictures to averaged weights."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.results import Face

FOLDER = Path(__file__).parents[2] / "weights" / "default"
NAMES = ("heads", "prepare", "answers", "train", "build", "compress", "mean")
PEOPLE = 24


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture
def images(scripts: dict[str, ModuleType]) -> Any:
    generator = torch.Generator().manual_seed(1)
    label = torch.arange(PEOPLE) % 8
    votes = torch.eye(8)[label]
    whole = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).expand(PEOPLE, 2, 3)
    return scripts["heads"].Images(
        imgs=torch.randint(0, 256, (PEOPLE, 48, 48), generator=generator, dtype=torch.uint8),
        split=(torch.arange(PEOPLE) >= 16).long(),
        kind=(torch.arange(PEOPLE) < 2).long(),
        label=label,
        owner=label.clamp_max(6),
        votes=votes,
        has_votes=torch.ones(PEOPLE, dtype=torch.bool),
        own=votes,
        whole=whole,
        aligned=whole,
    )


@pytest.fixture
def small_network(scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts["heads"], "MODELS", {"btn-compact": MODELS["btn-tiny"]})


def test_sample__the_whole_picture_is_what_opencv_resizes_it_to(scripts: dict[str, ModuleType], images: Any):
    crops = scripts["heads"].sample(images.imgs[:3], images.whole[:3])
    expected = [cv2.resize(picture.numpy().astype(np.float32), (96, 96)) for picture in images.imgs[:3]]
    assert np.abs(crops[:, 0].numpy() * 255 - np.stack(expected)).max() < 0.01


def test_sample__a_jitter_moves_within_the_crop_of_the_base(scripts: dict[str, ModuleType], images: Any):
    quarter = torch.tensor([[[0.5, 0, 0.5], [0, 0.5, 0]]])  # the top right quarter
    mirror = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    crop = scripts["heads"].sample(images.imgs[:1], quarter, mirror, side=24)
    assert torch.equal((crop[0, 0] * 255).round().byte(), images.imgs[0, :24, 24:].flip(1))


def test_pool__portraits_appear_three_times(images: Any):
    assert torch.bincount(images.pool()).tolist() == [3, 3, *[1] * 14]


def test_owner_log_prior__a_missing_class_counts_as_the_rarest(images: Any):
    # the sixteen training labels: two each of 0..5, four of 6 (contempt is read as 6), none of 7
    expected = [*[2 / 16] * 6, 4 / 16, 1 / 17]
    prior = images.owner_log_prior().exp()
    assert prior[:7].tolist() == pytest.approx([share * 16 / 17 for share in expected[:7]], rel=1e-5)
    assert prior[7].item() == pytest.approx(1 / 17, rel=1e-5)


def test_heads_loss__the_owner_learns_against_the_prior_and_posed_needs_a_teacher(
    scripts: dict[str, ModuleType], images: Any
):
    prior = torch.tensor([0.5, *[0.5 / 7] * 7]).log()
    rows = torch.tensor([0])  # a neutral face
    loss = scripts["train"].heads_loss(torch.zeros(1, 3, 8), images, rows, None, prior)
    votes = math.log(8)
    smooth = 0.1 / 8
    owner = -(0.9 + smooth) * math.log(0.5) - 7 * smooth * math.log(0.5 / 7)
    assert loss.item() == pytest.approx(votes + 0.6 * owner, rel=1e-5)
    uniform = torch.full((PEOPLE, 3, 8), 1 / 8)
    answers = scripts["train"].Answers(uniform, torch.tensor([0.0, 0.0, 1.0]))
    taught = scripts["train"].heads_loss(torch.zeros(1, 3, 8), images, rows, answers, prior)
    assert taught.item() == pytest.approx(votes + 0.6 * owner + 0.4 * math.log(8), rel=1e-5)


def test_read_answers__teachers_are_weighted_for_each_head(scripts: dict[str, ModuleType], tmp_path: Path):
    one, three = torch.zeros(1, 1, 8), torch.zeros(1, 3, 8)
    one[..., 0], three[..., 1] = 1, 1
    torch.save(one.half(), tmp_path / "one.pt")
    torch.save(three.half(), tmp_path / "three.pt")
    weights = scripts["train"].teacher_weights("one=1,0,0 three=3,1,0")
    answers = scripts["train"].read_answers(tmp_path, weights)
    assert answers.mean[0, 0, :2].tolist() == [0.25, 0.75]
    assert answers.mean[0, 1, :2].tolist() == [0, 1]
    assert answers.taught.tolist() == [1, 1, 0]


def test_folded__is_the_normalised_product_of_the_heads(scripts: dict[str, ModuleType]):
    generator = torch.Generator().manual_seed(2)
    weight, bias = torch.randn(24, 5, generator=generator), torch.randn(24, generator=generator)
    token = torch.randn(5, generator=generator)
    build = scripts["build"]
    parts = build.mixture("votes=1,owner=0.5,expert=0.3")
    mixed_weight, mixed_bias = build.folded({"net.vit.head.weight": weight, "net.vit.head.bias": bias}, parts)
    log = (weight @ token + bias).view(3, 8).log_softmax(dim=1)
    expected = ((log[0] + 0.5 * log[1]) / 1.5).softmax(dim=0)  # the expert has no share in the head
    assert (mixed_weight @ token + mixed_bias).softmax(dim=0).tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_with_votes_bias__moves_one_class_of_the_votes_alone(scripts: dict[str, ModuleType]):
    build = scripts["build"]
    bias = torch.arange(24.0)
    changed = build.with_votes_bias({"net.vit.head.bias": bias}, build.mixture("happiness=-0.25"))["net.vit.head.bias"]
    assert (changed - bias).tolist() == [0, -0.25, *[0] * 22]
    assert bias[1] == 1  # the given state is as before


def test_expert_map__each_class_gets_its_own_and_contempt_the_mean(scripts: dict[str, ModuleType]):
    # order of the expert: neutral, happiness, sadness, anger, fear, disgust, surprise
    added = scripts["build"].expert_map(0.5) @ torch.tensor([0.0, 2, 4, 6, 8, 10, 12])
    # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt
    assert added.tolist() == pytest.approx([0, 1, 6, 2, 3, 5, 4, 3])


def test_prior_of__votes_keep_their_shares_and_the_owner_has_none(scripts: dict[str, ModuleType]):
    shares = torch.tensor([0.64, 0.04, *[0.32 / 6] * 6])
    prior_of = scripts["build"].prior_of
    assert prior_of({"votes": 1.0}, shares)["neutral"] == pytest.approx(0.64)
    assert prior_of({"owner": 1.0, "expert": 0.3}, shares)["neutral"] == pytest.approx(1 / 8)
    half = prior_of({"votes": 1.0, "owner": 1.0}, shares)  # square roots: 0.8 to 0.2
    assert half["neutral"] / half["happiness"] == pytest.approx(4)


def test_aligned_map__landmarks_on_the_template_give_the_whole_picture(scripts: dict[str, ModuleType]):
    points = template("fer2013").points_px(48)
    face = Face((0, 0, 48, 48), 0.99, tuple(map(tuple, points.tolist())))
    aligned_map = scripts["prepare"].aligned_map
    assert aligned_map(face, 48).flatten().tolist() == pytest.approx([1, 0, 0, 0, 1, 0], abs=1e-6)
    shifted = Face((0, 0, 48, 48), 0.99, tuple((x + 4.8, y) for x, y in points.tolist()))
    assert aligned_map(shifted, 48).flatten().tolist() == pytest.approx([1, 0, 0.1, 0, 1, 0], abs=1e-6)
    tiny = Face((0, 0, 9, 9), 0.99, tuple((x / 5, y / 5) for x, y in points.tolist()))
    assert torch.equal(aligned_map(tiny, 48), scripts["prepare"].WHOLE)


@pytest.mark.usefixtures("small_network")
def test_answers__a_teacher_of_another_side_sees_the_mirrored_aligned_face(
    scripts: dict[str, ModuleType], images: Any, tmp_path: Path
):
    torch.manual_seed(0)
    heads, answers = scripts["heads"], scripts["answers"]
    torch.save(heads.ThreeHeads(64).state_dict(), tmp_path / "t.pt")
    teacher = answers.open_teacher(f"t={tmp_path / 't.pt'}@64")
    assert teacher.model.side == 64
    flipped = replace(images, imgs=images.imgs.flip(2))
    mirrored = answers.answers_of(teacher, flipped, answers.ALIGNED)
    whole = answers.answers_of(teacher, images)
    assert mirrored.numpy() == pytest.approx(whole.numpy(), abs=0.01)
    # here the aligned face is the whole picture, so that the four views are the picture twice and its mirror image twice
    mean = (whole + answers.answers_of(teacher, flipped)) / 2
    assert answers.answers_of(teacher, images, answers.FOUR).numpy() == pytest.approx(mean.numpy(), abs=0.01)


@pytest.mark.usefixtures("small_network")
def test_run__teachers_then_training_then_resumed(
    scripts: dict[str, ModuleType], images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    torch.manual_seed(0)
    torch.save(scripts["heads"].ThreeHeads().state_dict(), tmp_path / "start.pt")
    images.save(tmp_path / "images.pt")
    monkeypatch.setattr(sys, "argv", ["answers.py", str(tmp_path / "images.pt"), f"s={tmp_path / 'start.pt'}"])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--out", str(tmp_path / "answers")])
    scripts["answers"].main()
    answers = torch.load(tmp_path / "answers" / "s.pt")
    assert answers.shape == (PEOPLE, 3, 8)
    assert answers.float().sum(dim=2).numpy() == pytest.approx(1, abs=2e-3)
    clock = iter(range(10**6))
    monkeypatch.setattr(scripts["train"], "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    command = [
        "train.py",
        str(tmp_path / "images.pt"),
        "--init",
        str(tmp_path / "start.pt"),
        "--out",
        str(tmp_path / "run"),
    ]
    command += ["--answers", str(tmp_path / "answers"), "--teachers", "s=1,1,1", "--batch-size", "8", "--looks", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--minutes", "0.1"])  # six seconds of one step each
    scripts["train"].main()
    start, last = torch.load(tmp_path / "start.pt"), torch.load(tmp_path / "run" / "last.pt")
    assert not torch.equal(start["net.vit.head.weight"], last["net.vit.head.weight"])
    assert torch.load(tmp_path / "run" / "checkpoint.pt")["progress"]["step"] == 6
    monkeypatch.setattr(sys, "argv", [*command, "--minutes", "0.2", "--resume"])
    scripts["train"].main()
    assert torch.load(tmp_path / "run" / "checkpoint.pt")["progress"]["step"] == 12


def test_of_few_values__has_256_values_near_the_old_ones(scripts: dict[str, ModuleType]):
    weights = torch.randn(64, 32, 3, 3, generator=torch.Generator().manual_seed(3))
    rounded = scripts["compress"].of_few_values(weights)
    assert rounded.dtype == torch.float16
    assert len(rounded.unique()) <= 256
    # 256 equal steps over the range of 18,432 normal numbers, about 8.3 wide: 8.3 / 256 / sqrt(12) = 0.94 %; Lloyd's are better
    assert (rounded.double() - weights.double()).norm() / weights.double().norm() < 0.0094


def test_table_of__is_where_the_values_are(scripts: dict[str, ModuleType]):
    values = np.repeat([-1.0, 0.25, 2.0], [5, 3, 1])
    table = scripts["compress"].table_of(values)
    assert {-1.0, 0.25, 2.0} <= set(table)


def test_mean__averages_weights_and_keeps_counters(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value, count in (("a", 1.0, 3), ("b", 2.0, 5), ("c", 6.0, 7)):
        torch.save({"w": torch.full((2,), value).half(), "steps": torch.tensor(count)}, tmp_path / f"{name}.pt")
    files = [str(tmp_path / f"{name}.pt") for name in "abc"]
    monkeypatch.setattr(sys, "argv", ["mean.py", *files, "--out", str(tmp_path / "mean.pt")])
    scripts["mean"].main()
    mean = torch.load(tmp_path / "mean.pt")
    assert mean["w"].tolist() == [3, 3]
    assert mean["w"].dtype == torch.float16
    assert mean["steps"].item() == 3
