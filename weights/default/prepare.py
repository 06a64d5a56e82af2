"""Write the pictures that `train.py` and `answers.py` use to one file.

    python weights/default/prepare.py data/ferplus --people london --out images.pt

DATA      a folder of `fer data prepare ... --ferplus`: its splits train and val, images without a majority included.
--people  a folder neutral/ID.jpg, smiling/ID.jpg (the Face Research Lab London Set): people with odd numbers are trained on,
          the others stay for measuring.

YuNet finds the face in each picture. Where it finds none, or one of an unlikely size, the aligned crop is the whole picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from heads import CLASSES, CONTEMPT, FER, PORTRAIT, SIDE, Images
from torch import Tensor

from fercli.config.templates import template
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.faces.crop import warp
from fercli.faces.detector import FaceDetector, open_detector
from fercli.faces.geometry import invert, similarity_transform
from fercli.faces.main_face import main_face
from fercli.media.images import Rgb, read_rgb
from fercli.results import Face
from fercli.system.chunks import chunked

TEMPLATE = template("fer2013").points_px(1)
WHOLE = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
FACE_SCALE = (0.6, 1.5)  # likely sides of the aligned face in a picture of FER2013, in sides of the picture
PORTRAIT_MARGIN = 0.12  # kept around the aligned face of a portrait, in its sides
SMILE = 0.85  # of a slight smile's target is happiness, the rest neutral
NEUTRAL = 0.95
CHUNK = 64


def aligned_map(face: Face | None, side: int) -> Tensor:
    """Map [2, 3] of the aligned face in a square picture, both in 0..1; the whole picture where there is no likely face."""
    if face is None or face.landmarks is None:
        return WHOLE
    matrix = invert(similarity_transform(np.array(face.landmarks) / side, TEMPLATE))
    low, high = FACE_SCALE
    likely = low <= np.sqrt(abs(np.linalg.det(matrix[:, :2]))) <= high
    return torch.from_numpy(matrix).float() if likely else WHOLE


def enlarged(picture: Rgb) -> Tensor:
    """A grey picture of SIDE pixels, uint8."""
    return torch.from_numpy(cv2.resize(picture[..., 0], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))


def fer_images(dataset: Dataset, detector: FaceDetector) -> Images:
    """FER2013's training and validation images with both kinds of labels."""
    samples = [sample for split in ("train", "val") for sample in dataset.split(split, with_unlabelled=True)]
    order = [dataset.labels.index(name) for name in CLASSES]
    pictures, aligned = [], []
    for chunk in chunked(samples, CHUNK):
        read = [read_rgb(each.path) for each in chunk]
        for picture, faces in zip(read, detector.detect(read), strict=True):
            pictures.append(enlarged(picture))
            aligned.append(aligned_map(main_face(faces), picture.shape[0]))
    votes = torch.tensor([[(each.votes or [0.0] * len(CLASSES))[column] for column in order] for each in samples])
    votes = votes / votes.sum(dim=1, keepdim=True).clamp_min(1)
    owner = torch.tensor([_position(each.first_label, order) for each in samples])
    contempt = votes[:, CONTEMPT:]  # the owner has no contempt: its share is the votes'
    own = torch.eye(len(CLASSES))[owner] * (1 - contempt) + torch.eye(len(CLASSES))[CONTEMPT] * contempt
    return Images(
        imgs=torch.stack(pictures),
        split=torch.tensor([int(each.split == "val") for each in samples]),
        kind=torch.full((len(samples),), FER),
        label=torch.tensor([_position(each.label, order) for each in samples]),
        owner=owner,
        votes=votes,
        has_votes=votes.sum(dim=1) > 0,
        own=own,
        whole=WHOLE.expand(len(samples), 2, 3),
        aligned=torch.stack(aligned),
    )


def people_images(folder: Path, detector: FaceDetector) -> Images:
    """A neutral and a smiling portrait of every person with an odd number, aligned with a margin."""
    names = [
        (path, index)
        for index, kind in enumerate(("neutral", "smiling"))
        for path in sorted((folder / kind).glob("*.jpg"))
    ]
    pictures, labels = [], []
    for path, index in names:
        face = main_face(detector.detect([read_rgb(path)])[0]) if int(path.stem) % 2 else None
        if face is not None and face.landmarks is not None:
            pictures.append(_portrait(read_rgb(path), face))
            labels.append(index)
    label = torch.tensor(labels)
    spread = (1 - NEUTRAL) / (len(CLASSES) - 1)
    neutral = torch.full((len(CLASSES),), spread)
    neutral[0] = NEUTRAL
    smile = torch.zeros(len(CLASSES))
    smile[0], smile[1] = 1 - SMILE, SMILE
    votes = torch.stack([neutral, smile])[label]
    inner = inner_map().expand(len(label), 2, 3)
    zeros = torch.zeros(len(label), dtype=torch.long)
    return Images(
        torch.stack(pictures),
        zeros,
        zeros + PORTRAIT,
        label,
        label,
        votes,
        torch.ones(len(label), dtype=torch.bool),
        votes,
        inner,
        inner,
    )


def inner_map() -> Tensor:
    """Map [2, 3] of the aligned face in a picture that has PORTRAIT_MARGIN around it."""
    scale, offset = 1 / (1 + 2 * PORTRAIT_MARGIN), PORTRAIT_MARGIN / (1 + 2 * PORTRAIT_MARGIN)
    return torch.tensor([[scale, 0.0, offset], [0.0, scale, offset]])


def joined(parts: Sequence[Images]) -> Images:
    return Images(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def _portrait(rgb: Rgb, face: Face) -> Tensor:
    points = template("fer2013").points_px(SIDE, margin=PORTRAIT_MARGIN)
    crop = warp(rgb, similarity_transform(np.array(face.landmarks), points), SIDE)
    return torch.from_numpy(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))


def _position(label: int | None, order: Sequence[int]) -> int:
    """Position in CLASSES of a data set's label; -1 without one."""
    return -1 if label is None else order.index(label)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder prepared with --ferplus")
    parser.add_argument("--people", type=Path, help="a folder of portraits")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    detector = open_detector(device="cpu")
    parts = [fer_images(open_dataset(options.data), detector)]
    if options.people is not None:
        parts.append(people_images(options.people, detector))
    joined(parts).save(options.out)


if __name__ == "__main__":
    main()
