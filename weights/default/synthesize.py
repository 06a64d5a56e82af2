"""Add synthetic expressions to the pictures of `prepare.py`: neutral training faces, moved along facial action units.

    python weights/default/synthesize.py images.pt --landmarks mobilefacenet_68.pt --expert faceapi_expression.onnx \
        --out with_expressions.pt --seed 1

FER2013 holds few posed or restrained expressions of anger, disgust and fear. Neutral faces that look at the camera with a closed
mouth are warped to each expression several times; of those attempts in which the expert (face-api.js's network) predicts the
expression with at least --agreement, some are kept. Neutral faces that moved only a little are added with the labels of their
source, so that traces of warping do not identify an expression.

Writes the given pictures followed by the synthetic ones, in the same format: kind 2 is a synthetic expression, kind 3 a face that
stays neutral. The target of an expression mixes the recipe's class with the expert's prediction; contempt, which the expert does
not know, is mixed with neutral. Run `answers.py` on the written file before `train.py`.

Letters: M pictures, B of them in a batch, N classes, S side.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from action_units import Points, displacements, draw_intensities, varied
from heads import CLASSES, CONTEMPT, CONTROL, EXPRESSION, SIDE, Images, sample
from numpy.typing import NDArray
from prepare import PORTRAIT_MARGIN, WHOLE, inner_map, joined
from torch import Tensor
from warp_face import express

from fercli.config.templates import template
from fercli.models.expression_network import CLASSES as EXPERT_CLASSES
from fercli.models.mobilefacenet import LandmarkNet
from fercli.weights.foreign.mobilefacenet import load_landmark_net

GreyPicture = NDArray[np.uint8]

NEUTRAL_VOTES = 0.6  # smallest share of the votes for neutral of a face that is moved
LANDMARK_SIDE = 112
LANDMARK_CROPS = (1.12, 1.24)  # sides of the crops whose points must agree, in sides of the aligned face
LANDMARK_ERROR, OFF_TEMPLATE, CLOSED = 0.06, 0.12, 0.10  # distances between the eye centres
TURNED = 0.16  # largest shift of the nose from the middle of the eyes, in distances between the eye centres
EXPERT_SIDE = 112
EXPERT_CROP, EXPERT_DOWN = 0.92, 0.04  # side and shift of the expert's crop, in sides of the aligned face
ATTEMPTS = {  # for each class: attempts per face, how many of them are kept at most, and the share of faces that get any
    "neutral": (2, 2, 1.0),
    "happiness": (2, 1, 0.6),
    "surprise": (4, 2, 1.0),
    "sadness": (4, 2, 1.0),
    "anger": (6, 3, 1.0),
    "disgust": (8, 3, 1.0),
    "fear": (8, 3, 1.0),
    "contempt": (1, 1, 0.6),
}
LABEL_SHARE = 0.8  # of the recipe in the votes' target; the rest is the expert's prediction
OWNER_SHARE = 0.4  # likewise for the owner's and the posed head
SOFTENING = 0.5  # standard deviation in pixels: 9 instead of 13 % of a face's variance are in its Laplacian, real faces have 9 %
SLIGHT = 0.6  # of contempt in its own target; the rest is neutral


@dataclass(frozen=True)
class Options:
    """agreement: smallest probability that the expert must predict. strength: range of a factor for all intensities of a face."""

    agreement: float = 0.5
    strength: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Source:
    """A neutral face: its row, the grey picture [S, S] aligned with a margin, and its 68 points [68, 2] in pixels."""

    row: int
    picture: GreyPicture
    points: Points


@dataclass(frozen=True)
class Made:
    """A face with a synthetic expression: row of its source, class index, picture, and the expert's probabilities [N]."""

    row: int
    label: int
    picture: GreyPicture
    expert: Tensor


class Expert:
    """face-api.js's expression network on ONNX Runtime, for pictures [S, S] aligned with PORTRAIT_MARGIN."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def probabilities(self, pictures: list[GreyPicture]) -> Tensor:
        """Probabilities [M, N]; that of contempt is 0."""
        inner = 1 / (1 + 2 * PORTRAIT_MARGIN)
        side, down = EXPERT_CROP * inner, EXPERT_DOWN * inner
        left = (1 - side) / 2
        base = torch.tensor([[side, 0.0, left], [0.0, side, left + down]]).expand(len(pictures), 2, 3)
        crops = 255 * sample(torch.from_numpy(np.stack(pictures)), base, side=EXPERT_SIDE)
        [logits] = self.session.run(None, {"rgb": crops.expand(-1, 3, -1, -1).numpy()})
        found = torch.zeros(len(pictures), len(CLASSES))
        found[:, [CLASSES.index(name) for name in EXPERT_CLASSES]] = torch.from_numpy(logits).softmax(dim=1)
        return found


def find_sources(images: Images, net: LandmarkNet) -> list[Source]:
    """Neutral training faces with a closed mouth that look at the camera, where two crops give the same landmarks."""
    aligned = (images.aligned - WHOLE).abs().sum(dim=(1, 2)) > 1e-3
    real = (images.split == 0) & (images.kind < EXPRESSION)
    neutral = real & (images.label == 0) & (images.votes[:, 0] >= NEUTRAL_VOTES) & aligned
    found = []
    for rows in neutral.nonzero().flatten().split(64):
        grown = (1 + 2 * PORTRAIT_MARGIN) * torch.eye(2, 3).expand(len(rows), 2, 3)
        pictures = sample(images.imgs[rows], images.aligned[rows], grown)
        points = torch.stack([landmarks(images, rows, net, side) for side in LANDMARK_CROPS])  # [2, B, 68, 2]
        usable = usable_faces(points)
        for index in usable.nonzero().flatten().tolist():
            picture = (pictures[index, 0] * 255).round().byte().numpy()
            found.append(Source(int(rows[index]), picture, points.mean(dim=0)[index].double().numpy()))
    return found


@torch.no_grad()
def landmarks(images: Images, rows: Tensor, net: LandmarkNet, side: float) -> Tensor:
    """Points [B, 68, 2] in pixels of the picture with a margin, from crops of `side` times the aligned face.

    The centre of the first pixel is at 0.
    """
    grown = side * torch.eye(2, 3).expand(len(rows), 2, 3)
    crops = sample(images.imgs[rows], images.aligned[rows], grown, LANDMARK_SIDE)
    points = net(crops.expand(-1, 3, -1, -1)).view(-1, 68, 2)
    return ((points - 0.5) * side / (1 + 2 * PORTRAIT_MARGIN) + 0.5) * SIDE - 0.5


def usable_faces(points: Tensor) -> Tensor:
    """Which faces [B] have points [2, B, 68, 2] that agree, fit the template, and show a face from the front, mouth closed."""
    mean = points.mean(dim=0)
    left, right = mean[:, 36:42].mean(dim=1), mean[:, 42:48].mean(dim=1)
    eyes = right - left
    distance = eyes.norm(dim=1)
    error = (points[0] - points[1]).norm(dim=2).mean(dim=1) / distance
    nose = ((mean[:, 30] - left) * eyes).sum(dim=1) / distance**2
    wanted = torch.from_numpy(template("fer2013").points_px(SIDE, margin=PORTRAIT_MARGIN)[:2]).float() - 0.5
    off = (torch.stack([left, right], dim=1) - wanted).norm(dim=2).mean(dim=1) / distance
    mouth = (mean[:, 61:64].mean(dim=1) - mean[:, 65:68].mean(dim=1)).norm(dim=1) / distance
    front = (nose - 0.5).abs() < TURNED
    return (error < LANDMARK_ERROR) & front & (off < OFF_TEMPLATE) & (mouth < CLOSED)


def expressions_of(source: Source, expert: Expert, options: Options, random: np.random.Generator) -> list[Made]:
    """Synthetic expressions of a face: those on which recipe and expert agree, and its slightly moved neutral face."""
    made = []
    for label, (attempts, most, share) in ATTEMPTS.items():
        if random.random() >= share:
            continue
        pictures = []
        for _ in range(attempts):
            intensities = draw_intensities(label, random)
            if label != "neutral":
                strength = random.uniform(*options.strength)
                intensities = {unit: strength * value for unit, value in intensities.items()}
            moved = varied(displacements(intensities), random)
            picture = express(source.picture, source.points, moved, intensities, random)
            pictures.append(picture if label == "neutral" else softened(picture))
        index, predicted = CLASSES.index(label), expert.probabilities(pictures)
        kept = agreeing(predicted, index, options.agreement)
        for position in random.permutation(kept)[:most]:
            made.append(Made(source.row, index, pictures[position], predicted[position]))
    return made


def softened(picture: GreyPicture) -> GreyPicture:
    """Blur a synthetic face to the sharpness of FER2013's pictures, so that sharp lines do not identify it."""
    return cv2.GaussianBlur(picture, (3, 3), SOFTENING).astype(np.uint8)


def agreeing(predicted: Tensor, index: int, agreement: float) -> list[int]:
    """Attempts [M, N] whose predicted probability of the class is high enough.

    Neutral faces keep their label, so all are used. A slight contempt, which the expert does not know, may not be another
    negative expression.
    """
    if CLASSES[index] == "neutral":
        return list(range(len(predicted)))
    if index == CONTEMPT:
        others = [CLASSES.index(name) for name in ("sadness", "anger", "disgust", "fear")]
        return (predicted[:, others].sum(dim=1) < 0.5).nonzero().flatten().tolist()
    return (predicted[:, index] >= agreement).nonzero().flatten().tolist()


def as_images(made: list[Made], images: Images) -> Images:
    """The synthetic faces with their targets; those that stay neutral have the labels of their source."""
    rows, label = torch.tensor([each.row for each in made]), torch.tensor([each.label for each in made])
    expert = torch.stack([each.expert for each in made])
    control = (label == 0).unsqueeze(1)
    recipe = torch.eye(len(CLASSES))[label]
    slight = SLIGHT * torch.eye(len(CLASSES))[CONTEMPT] + (1 - SLIGHT) * torch.eye(len(CLASSES))[0]
    contempt = (label == CONTEMPT).unsqueeze(1)
    votes = torch.where(contempt, slight, LABEL_SHARE * recipe + (1 - LABEL_SHARE) * expert)
    own = torch.where(contempt, slight, OWNER_SHARE * recipe + (1 - OWNER_SHARE) * expert)
    owner = torch.where(label == CONTEMPT, -1, label)
    inner = inner_map().expand(len(made), 2, 3)
    return Images(
        imgs=torch.from_numpy(np.stack([each.picture for each in made])),
        split=torch.zeros_like(label),
        kind=torch.where(label == 0, CONTROL, EXPRESSION),
        label=label,
        owner=torch.where(label == 0, images.owner[rows], owner),
        votes=torch.where(control, images.votes[rows], votes),
        has_votes=torch.ones(len(made), dtype=torch.bool),
        own=torch.where(control, images.own[rows], own),
        whole=inner,
        aligned=inner,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--landmarks", type=Path, required=True, help="a published MobileFaceNet with 68 points")
    parser.add_argument("--expert", type=Path, required=True, help="face-api.js's expression network as ONNX file")
    parser.add_argument(
        "--agreement", type=float, default=Options.agreement, help="smallest probability that the expert must predict"
    )
    parser.add_argument(
        "--strength", type=float, nargs=2, default=Options.strength, help="range of a factor for all intensities"
    )
    parser.add_argument("--limit", type=int, help="faces to use, drawn at random; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    images, random = Images.load(given.images), np.random.default_rng(given.seed)
    options = Options(given.agreement, tuple(given.strength))
    sources = find_sources(images, load_landmark_net(given.landmarks).eval())
    expert = Expert(given.expert)
    made: list[Made] = []
    for index in random.permutation(len(sources))[: given.limit]:
        made += expressions_of(sources[index], expert, options, random)
    joined([images, as_images(made, images)]).save(given.out)


if __name__ == "__main__":
    main()
