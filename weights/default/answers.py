"""Predict every picture once with trained teachers and keep the probabilities, so that a training step costs the student alone.

    python weights/default/answers.py images.pt --out answers v5=fer-compact.safetensors s1=s1.pt t1=t1.pt@128 --aligned t1

Each NAME=FILE gives answers/NAME.pt, float16 [M, H, N]: a state of three heads gives its three predictions, a weights file with
one head (H = 1) its one, at the temperature of its card. @SIDE is the input of a state that was not trained at 96 px. A teacher
sees the whole picture; those that --aligned names see the mirrored aligned face instead; the answers of those that --views
names are the mean over the whole picture, the aligned face, and both mirrored.

Letters: M pictures, H heads, N classes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from heads import SIDE, Images, ThreeHeads, sample
from torch import Tensor

from fercli.weights.files import TORCH_SUFFIX, read_card

BATCH = 64
MIRROR = torch.tensor([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Teacher:
    """A trained network with its file. temperature: 1 for a state."""

    name: str
    model: ThreeHeads
    heads: int
    temperature: float


def open_teacher(text: str) -> Teacher:
    """Open NAME=FILE or NAME=FILE@SIDE."""
    name, _, place = text.partition("=")
    file, _, side = place.partition("@")
    path = Path(file)
    model = ThreeHeads(int(side or SIDE)).to(memory_format=torch.channels_last)
    model.start_from(path)
    one_head = path.suffix == TORCH_SUFFIX
    return Teacher(name, model.eval(), 1 if one_head else 3, read_card(path).temperature if one_head else 1.0)


@dataclass(frozen=True)
class View:
    """What a teacher sees of a picture."""

    aligned: bool
    mirrored: bool


WHOLE = (View(aligned=False, mirrored=False),)
ALIGNED = (View(aligned=True, mirrored=True),)
FOUR = tuple(View(aligned, mirrored) for aligned in (False, True) for mirrored in (False, True))


@torch.no_grad()
def answers_of(teacher: Teacher, images: Images, views: Sequence[View] = WHOLE) -> Tensor:
    """Probabilities [M, H, N], the mean over the views."""
    parts = [
        torch.stack([_probabilities(teacher, images, rows, view) for view in views]).mean(dim=0)
        for rows in torch.arange(len(images.imgs)).split(BATCH)
    ]
    return torch.cat(parts)


def _probabilities(teacher: Teacher, images: Images, rows: Tensor, view: View) -> Tensor:
    """Probabilities [B, H, N] of pictures in one view."""
    base = images.aligned[rows] if view.aligned else images.whole[rows]
    jitter = MIRROR.expand(len(rows), 2, 3) if view.mirrored else None
    crops = sample(images.imgs[rows], base, jitter, teacher.model.side)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = teacher.model(teacher.model.normalise(crops))[:, : teacher.heads]
    return (logits.float() / teacher.temperature).softmax(dim=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("teachers", nargs="+", metavar="NAME=FILE[@SIDE]")
    parser.add_argument("--aligned", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--views", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = Images.load(options.images)
    for text in options.teachers:
        teacher = open_teacher(text)
        part = options.out / f"{teacher.name}.part"
        views = FOUR if teacher.name in options.views else ALIGNED if teacher.name in options.aligned else WHOLE
        torch.save(answers_of(teacher, images, views).half(), part)
        part.replace(options.out / f"{teacher.name}.pt")


if __name__ == "__main__":
    main()
