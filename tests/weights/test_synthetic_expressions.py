"""weights/default: action units, warped faces with wrinkles and mouths, and the synthetic expressions that training uses."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parents[2] / "weights" / "default"
NAMES = ("heads", "action_units", "warp_face", "prepare", "synthesize", "crops", "train")
SIDE = 96
SKIN = 150
SOURCES = 6


@pytest.fixture(scope="module")
def scripts() -> Iterator[SimpleNamespace]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)


def ring(x: float, y: float, width: float, height: float, count: int) -> list[tuple[float, float]]:
    """Points around an ellipse, from its left end over the top, as iBUG's points go around eyes and lips."""
    angles = np.pi - 2 * np.pi * np.arange(count) / count
    return [(x + width * math.cos(a), y - height * math.sin(a)) for a in angles]


def face_points() -> Any:
    """68 points of a face from the front, eyes 32 px apart, mouth closed, [68, 2] in pixels of a picture of 96 px."""
    jaw = [(48 + 34 * math.cos(a), 44 + 44 * math.sin(a)) for a in np.linspace(math.pi, 0, 17)]
    brows = [(x, 28.0) for x in (22, 27, 32, 37, 42)] + [(x, 28.0) for x in (54, 59, 64, 69, 74)]
    nose = [(48.0, y) for y in (38, 43, 48, 53)] + [(x, 58.0) for x in (41, 44, 48, 52, 55)]
    eyes = ring(32, 38, 6, 3, 6) + ring(64, 38, 6, 3, 6)
    lips = ring(48, 72, 13, 5, 12) + ring(48, 72, 9, 0.5, 8)
    return np.array(jaw + brows + nose + eyes + lips)


def plain_picture() -> Any:
    return np.full((SIDE, SIDE), SKIN, np.uint8)


def test_displacements__points_go_down_and_outward_by_intensity(scripts: SimpleNamespace):
    moved = scripts.action_units.displacements({"4 brow lowerer": 2.0, "9 nose wrinkler": 1.0})
    # inner brows: 2 x (0.11 down, 0.05 inward) + (0.07 down, 0.03 inward); inward is right for a left point
    assert moved[21].tolist() == pytest.approx([0.13, 0.29])
    assert moved[22].tolist() == pytest.approx([-0.13, 0.29])
    assert moved[31].tolist() == pytest.approx([-0.02, -0.06])  # a nostril
    assert not moved[48:].any()  # the mouth rests


def test_displacements__a_smile_of_one_side_leaves_the_other(scripts: SimpleNamespace):
    moved = scripts.action_units.displacements({"12 left": 1.0})
    assert moved[48].tolist() == pytest.approx([-0.08, -0.10])
    assert not moved[54].any()
    both = scripts.action_units.displacements({"12 lip corner puller": 1.0})
    assert both[54].tolist() == pytest.approx([0.08, -0.10])


def test_units__name_points_that_exist_and_are_known_by_side(scripts: SimpleNamespace):
    points = face_points()
    units = scripts.action_units
    sideways = {point for moves in units.UNITS.values() for move in moves if move.outward for point in move.points}
    for point in sideways - set(units.MIDDLE):
        assert (points[point, 0] < 48) == (point in units.LEFT), point


@pytest.mark.parametrize("label", ["anger", "disgust", "fear", "sadness", "surprise", "happiness", "contempt"])
def test_draw_intensities__stay_within_the_recipes_of_the_class(scripts: SimpleNamespace, label: str):
    units, random = scripts.action_units, np.random.default_rng(0)
    recipes = units.RECIPES[label]
    assert sum(probability for probability, _ in recipes) == pytest.approx(1)
    for _ in range(50):
        drawn = units.draw_intensities(label, random)
        fits = [
            all(part.probability < 1 or part.unit in drawn for part in recipe)
            and all(any(p.unit == unit and p.low <= value <= p.high for p in recipe) for unit, value in drawn.items())
            for _, recipe in recipes
        ]
        assert any(fits), drawn


def test_draw_intensities__a_neutral_face_moves_faintly(scripts: SimpleNamespace):
    drawn = scripts.action_units.draw_intensities("neutral", np.random.default_rng(0))
    assert len(drawn) == 3
    assert all(abs(value) <= 0.35 for value in drawn.values())


def test_varied__points_jitter_and_one_side_moves_more(scripts: SimpleNamespace):
    random = np.random.default_rng(0)
    moved = np.stack([scripts.action_units.varied(np.ones((68, 2)), random) for _ in range(400)])
    left, right = moved[:, 36:42].mean(axis=(1, 2)), moved[:, 42:48].mean(axis=(1, 2))
    assert 0.84 < left.min() < 0.87
    assert 1.13 < right.max() < 1.16
    assert np.abs(moved[:, 30].mean(axis=1) - (left + right) / 2).max() < 0.05  # the tip of the nose is in the middle
    assert (moved[:, 36] - moved[:, 37]).std() == pytest.approx(0.008 * math.sqrt(2), rel=0.15)


def test_warped__a_landmark_arrives_where_it_should_and_the_border_stays(scripts: SimpleNamespace):
    points, picture = face_points(), plain_picture()
    picture[27:30, 41:44] = 0  # around point 21
    picture[0, ::2] = 0
    target = points.copy()
    target[[20, 21, 22, 23]] += (0, 5)
    face = scripts.warp_face.warped(picture, points, target)
    dark = (SKIN - face[20:45, 35:50]).clip(0)
    rows, columns = np.mgrid[20:45, 35:50]
    assert float((dark * rows).sum() / dark.sum()) == pytest.approx(33, abs=0.7)
    assert float((dark * columns).sum() / dark.sum()) == pytest.approx(42, abs=0.7)
    assert np.abs(face[0] - picture[0]).max() < 0.1 * SKIN  # a tenth of a pixel
    still = scripts.warp_face.warped(picture, points, points)
    assert np.abs(still - picture).max() < 1


def test_wrinkles__a_frown_is_between_the_brows(scripts: SimpleNamespace):
    points = face_points()
    axes = scripts.warp_face.FaceAxes.of(points)
    assert axes.eye_distance == pytest.approx(32)
    assert axes.down.tolist() == pytest.approx([0, 1])
    dark = sum(
        scripts.warp_face.wrinkles(points, {"4 brow lowerer": 1.5}, axes, SIDE, np.random.default_rng(seed))
        for seed in range(20)
    )
    y, x = np.unravel_index(np.argmax(dark), dark.shape)
    assert 42 <= x <= 54
    assert 20 <= y <= 36
    none = scripts.warp_face.wrinkles(points, {"4 brow lowerer": 0.2}, axes, SIDE, np.random.default_rng(0))
    assert not none.any()


def test_express__an_open_mouth_is_filled_between_the_lips(scripts: SimpleNamespace):
    points, units = face_points(), scripts.action_units
    intensities = {"25 lips part": 1.0, "26 jaw drop": 1.5}
    moved = units.displacements(intensities)
    faces = [
        scripts.warp_face.express(plain_picture(), points, moved, intensities, np.random.default_rng(seed))
        for seed in range(20)
    ]
    inside = np.stack(faces)[:, 76, 48]  # between the upper lip at 71 and the lower one at 72 + 32 (0.07 + 0.27) = 83
    assert inside.min() < 0.4 * SKIN  # without teeth
    assert inside.max() > 0.9 * SKIN  # with teeth
    assert np.abs(np.stack(faces)[:, 40:60, 45:51].astype(int) - SKIN).max() <= 1  # the nose is as it was
    closed = scripts.warp_face.express(plain_picture(), points, moved * 0, {}, np.random.default_rng(0))
    assert np.abs(closed.astype(int) - SKIN).max() <= 1


def test_usable_faces__from_the_front_with_a_closed_mouth_and_sure_points(scripts: SimpleNamespace):
    wanted = torch.from_numpy(
        scripts.synthesize.template("fer2013").points_px(SIDE, margin=scripts.prepare.PORTRAIT_MARGIN) - 0.5
    )
    points = torch.from_numpy(face_points())
    eyes = torch.tensor([[32.0, 38.0], [64.0, 38.0]])
    scale = (wanted[1] - wanted[0]).norm() / 32
    good = (points - eyes.mean(dim=0)) * scale + wanted[:2].mean(dim=0)
    turned, shouting, small = good.clone(), good.clone(), (good - 48) * 0.6 + 48
    turned[30, 0] += 0.25 * 32 * scale
    shouting[65:68, 1] += 0.3 * 32 * scale
    faces = torch.stack([good, turned, shouting, small, good])
    unsure = faces.clone()
    unsure[4] += torch.randn(68, 2, generator=torch.Generator().manual_seed(0)) * 0.1 * 32 * scale
    usable = scripts.synthesize.usable_faces(torch.stack([faces, unsure]).float())
    assert usable.tolist() == [True, False, False, False, False]


def test_agreeing__the_expert_must_see_the_expression(scripts: SimpleNamespace):
    classes = scripts.heads.CLASSES
    fear, contempt = classes.index("fear"), classes.index("contempt")
    predicted = torch.zeros(3, 8)
    predicted[0, fear], predicted[1, fear], predicted[2, classes.index("anger")] = 0.9, 0.4, 0.8
    agreeing = scripts.synthesize.agreeing
    assert agreeing(predicted, fear, 0.5) == [0]
    assert agreeing(predicted, 0, 0.5) == [0, 1, 2]
    assert agreeing(predicted, contempt, 0.5) == [1]  # the others are another negative expression


@pytest.fixture
def images(scripts: SimpleNamespace) -> Any:
    """Four neutral faces, an angry one, and one of the validation split; the last two may not be moved."""
    label = torch.tensor([0, 0, 0, 0, 4, 0])
    votes = torch.eye(8)[label]
    votes[1] = torch.tensor([0.7, 0, 0, 0.3, 0, 0, 0, 0])
    inner = scripts.prepare.inner_map().expand(SOURCES, 2, 3)
    return scripts.heads.Images(
        imgs=torch.full((SOURCES, SIDE, SIDE), SKIN, dtype=torch.uint8),
        split=torch.tensor([0, 0, 0, 0, 0, 1]),
        kind=torch.tensor([0, 0, 0, 1, 0, 0]),
        label=label,
        owner=torch.tensor([0, 3, 0, 0, 4, 0]),
        votes=votes,
        has_votes=torch.ones(SOURCES, dtype=torch.bool),
        own=torch.eye(8)[torch.tensor([0, 3, 0, 0, 4, 0])],
        whole=inner,
        aligned=inner,
    )


def test_as_images__targets_of_expressions_and_of_faces_that_stay_neutral(scripts: SimpleNamespace, images: Any):
    expert = torch.tensor([0.5, 0, 0, 0, 0.5, 0, 0, 0])
    made = [scripts.synthesize.Made(1, label, plain_picture(), expert) for label in (4, 0, 7)]
    found = scripts.synthesize.as_images(made, images)
    heads = scripts.heads
    assert found.kind.tolist() == [heads.EXPRESSION, heads.CONTROL, heads.EXPRESSION]
    assert found.owner.tolist() == [4, 3, -1]
    assert found.votes[0].tolist() == pytest.approx([0.1, 0, 0, 0, 0.9, 0, 0, 0])
    assert found.own[0].tolist() == pytest.approx([0.3, 0, 0, 0, 0.7, 0, 0, 0])
    assert torch.equal(found.votes[1], images.votes[1])
    assert torch.equal(found.own[1], images.own[1])
    assert found.own[2].tolist() == pytest.approx([0.4, 0, 0, 0, 0, 0, 0, 0.6])


def test_pool__an_epoch_has_some_of_the_synthetic_faces_and_portraits_as_often_as_asked(
    scripts: SimpleNamespace, images: Any
):
    made = [scripts.synthesize.Made(0, 5, plain_picture(), torch.eye(8)[5])] * 20
    joined = scripts.prepare.joined([images, scripts.synthesize.as_images(made, images)])
    pool = joined.pool(portraits=2, synthetic=7, random=torch.Generator().manual_seed(0))
    assert torch.bincount(pool[pool < SOURCES]).tolist() == [1, 1, 1, 2, 1]
    assert len(pool[pool >= SOURCES].unique()) == 7
    assert len(joined.pool(portraits=1)) == 5
    # disgust of the synthetic faces is not a share among the owner's labels
    assert joined.owner_log_prior().exp()[5].item() == pytest.approx(images.owner_log_prior().exp()[5].item())


def test_heads_loss__an_expression_has_no_prior_and_a_teacher_for_the_votes_alone(
    scripts: SimpleNamespace, images: Any
):
    made = [scripts.synthesize.Made(0, 4, plain_picture(), torch.eye(8)[4])]
    joined = scripts.prepare.joined([images, scripts.synthesize.as_images(made, images)])
    logits = torch.zeros(1, 3, 8)
    logits[0, :, 4] = 2
    prior = torch.tensor([0.5, *[0.5 / 7] * 7]).log()
    answers = scripts.train.Answers(torch.full((SOURCES + 1, 3, 8), 1 / 8), torch.ones(3))
    rows = torch.tensor([SOURCES])
    of_label = math.log(math.exp(2) + 7) - 2  # the target is anger alone, the expert agrees
    of_teacher = math.log(math.exp(2) + 7) - 2 / 8
    loss = scripts.train.heads_loss(logits, joined, rows, answers, prior)
    assert loss.item() == pytest.approx(0.5 * (of_label + of_teacher) + (0.6 + 0.4) * of_label, rel=1e-5)
    without_votes = scripts.train.heads_loss(logits, joined, rows, answers, prior, votes_share=0.0)
    assert without_votes.item() == pytest.approx((0.6 + 0.4) * of_label, rel=1e-5)


def test_randomly_warped__some_crops_are_warped_smoothly_and_no_pixel_moves_far(scripts: SimpleNamespace):
    ramp = torch.linspace(0, 1, 96).expand(400, 1, 96, 96)  # brightness is the position from left to right
    random = scripts.train.BatchRandom(scripts.train.seeded_generator(0), 400)
    crops = scripts.crops.randomly_warped(ramp, random)
    moved = (crops - ramp).abs().amax(dim=(1, 2, 3))
    changed = moved > 1e-4
    assert changed.float().mean().item() == pytest.approx(scripts.crops.WARP_SHARE, abs=0.08)
    assert moved.max() < 1.3 * scripts.crops.WARP_SHIFT / 2  # of the width; bicubic fields overshoot a little
    steps = (crops[changed] - ramp[changed]).diff(dim=3).abs().max()
    assert steps < 0.02  # neighbours, which differ by 0.01, move alike


def test_find_sources__takes_neutral_training_faces_alone(scripts: SimpleNamespace, images: Any):
    wanted = scripts.synthesize.template("fer2013").points_px(SIDE, margin=scripts.prepare.PORTRAIT_MARGIN) - 0.5
    scale = np.linalg.norm(wanted[1] - wanted[0]) / 32
    points = (face_points() - (48, 38)) * scale + wanted[:2].mean(axis=0)
    grown = 1 + 2 * scripts.prepare.PORTRAIT_MARGIN
    ramp = torch.linspace(0, 255, SIDE).round().byte().expand(SIDE, SIDE)
    imgs, aligned, kind, votes = images.imgs.clone(), images.aligned.clone(), images.kind.clone(), images.votes.clone()
    imgs[3] = ramp
    votes[0, :2] = 0.5  # not neutral enough
    aligned[1] = scripts.prepare.WHOLE  # no face was found
    kind[2] = scripts.heads.CONTROL  # already warped
    widths = []

    class Net(torch.nn.Module):
        def forward(self, crops: Any) -> Any:
            widths.append(float(crops[0, 0, 50, -1] - crops[0, 0, 50, 0]))
            side = scripts.synthesize.LANDMARK_CROPS[len(widths) - 1]
            return (
                torch.from_numpy(((points + 0.5) / SIDE - 0.5) * grown / side + 0.5).float().expand(len(crops), 68, 2)
            )

    changed = replace(images, imgs=imgs, aligned=aligned, kind=kind, votes=votes)
    [source] = scripts.synthesize.find_sources(changed, Net())
    assert source.row == 3
    assert np.abs(source.picture.astype(int) - ramp.numpy().astype(int)).max() <= 1
    assert np.abs(source.points - points).max() < 0.01
    assert widths == pytest.approx([1.12 / grown, 1.24 / grown], abs=0.02)  # the crops see so much of the ramp


def test_main__writes_both_kinds_of_pictures(
    scripts: SimpleNamespace, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wanted = scripts.synthesize.template("fer2013").points_px(SIDE, margin=scripts.prepare.PORTRAIT_MARGIN) - 0.5
    scale = np.linalg.norm(wanted[1] - wanted[0]) / 32
    points = (face_points() - (48, 38)) * scale + wanted[:2].mean(axis=0)
    grown = 1 + 2 * scripts.prepare.PORTRAIT_MARGIN
    sides = iter(scripts.synthesize.LANDMARK_CROPS)

    class Net(torch.nn.Module):
        def forward(self, crops: Any) -> Any:
            assert crops.shape[1:] == (3, 112, 112)
            side = next(sides)  # the same points, seen in a crop of another side
            return (
                torch.from_numpy(((points + 0.5) / SIDE - 0.5) * grown / side + 0.5).float().expand(len(crops), 68, 2)
            )

    class AgreesWithFear:
        def __init__(self, path: Path) -> None:
            assert path.name == "expert.onnx"

        def probabilities(self, pictures: list[Any]) -> Any:
            return torch.eye(8)[6].expand(len(pictures), 8)

    monkeypatch.setattr(scripts.synthesize, "load_landmark_net", lambda path: Net())
    monkeypatch.setattr(scripts.synthesize, "Expert", AgreesWithFear)
    images.save(tmp_path / "images.pt")
    command = ["synthesize.py", str(tmp_path / "images.pt"), "--landmarks", "net.pt", "--expert", "expert.onnx"]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path / "more.pt"), "--seed", "3"])
    scripts.synthesize.main()
    joined = scripts.heads.Images.load(tmp_path / "more.pt")
    assert torch.equal(joined.imgs[:SOURCES], images.imgs)
    made = replace(joined, **{name: value[SOURCES:] for name, value in vars(joined).items()})
    # four faces may be moved: three draws that look afraid, two that stay neutral; all else is not what the expert sees
    assert torch.bincount(made.label, minlength=8).tolist() == [8, 0, 0, 0, 0, 0, 12, 0]
    assert (made.imgs[made.label == 6] != SKIN).any()


def test_expert__sees_a_close_crop_and_its_classes_are_reordered(scripts: SimpleNamespace, tmp_path: Path):
    # a network whose logits are the mean brightness in 0..1 times 0, 1, 2 ... 6
    mean = helper.make_node("ReduceMean", ["rgb"], ["mean"], axes=[1, 2, 3], keepdims=0)
    column = helper.make_node("Unsqueeze", ["mean", "axis"], ["column"])
    scaled = helper.make_node("MatMul", ["column", "row"], ["logits"])
    constants = [
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(np.arange(7, dtype=np.float32)[None] / 255, "row"),
    ]
    rgb = helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["batch", 3, 112, 112])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 7])
    graph = helper.make_graph([mean, column, scaled], "fake", [rgb], [logits], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "e.onnx")
    # side 0.92 / 1.24 of 96 px = 71.2, moved down by 0.04 / 1.24 of 96 = 3.1: rows 15.5 to 86.7, columns 12.4 to 83.6
    seen, unseen = plain_picture() * 0, plain_picture() * 0 + 255
    seen[15:88, 12:85], unseen[15:88, 12:85] = 255, 0
    edge = unseen.copy()
    edge[15:88, 12:85] = 255
    edge[18:84, 16:81] = 0  # dark but for the outermost pixels of the crop
    found = scripts.synthesize.Expert(tmp_path / "e.onnx").probabilities([unseen, seen, edge])
    assert found[2, 2] > 1.05 * found[2, 0]
    assert found[0].tolist() == pytest.approx([*[1 / 7] * 7, 0], rel=1e-5)
    order = [0, 1, 6, 2, 3, 5, 4]  # of the network: neutral, happiness, sadness, anger, fear, disgust, surprise
    powers = [math.exp(index) for index in order]
    assert found[1].tolist() == pytest.approx([*[power / sum(powers) for power in powers], 0], rel=1e-4)


def test_expressions_of__a_strength_scales_the_movement(scripts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    synthesize = scripts.synthesize
    seen: list[dict[str, float]] = []

    def express(picture: Any, points: Any, moved: Any, intensities: dict[str, float], random: Any) -> Any:
        seen.append(intensities)
        return picture

    sure = SimpleNamespace(probabilities=lambda pictures: torch.eye(8)[4].expand(len(pictures), 8))
    monkeypatch.setattr(synthesize, "express", express)
    monkeypatch.setattr(synthesize, "ATTEMPTS", {"anger": (40, 40, 1.0), "neutral": (5, 5, 1.0)})
    source = synthesize.Source(0, plain_picture(), face_points())
    options = synthesize.Options(strength=(0.25, 0.5))
    made = synthesize.expressions_of(source, sure, options, np.random.default_rng(0))
    assert [each.label for each in made].count(4) == 40
    frowns = [each["4 brow lowerer"] for each in seen[:40]]  # drawn from 0.9 to 2, times 0.25 to 0.5
    assert 0.9 * 0.25 <= min(frowns) < 0.5
    assert 0.6 < max(frowns) <= 2 * 0.5
