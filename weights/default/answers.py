"""Predict every picture once with trained teachers and keep the probabilities, so that a training step costs the student alone.

    python weights/default/answers.py images.pt --out answers v5=fer-compact.safetensors s1=s1.pt

Each NAME=FILE gives answers/NAME.pt, float16 [M, H, N]: a state of three heads its three predictions of the whole picture, a
file with one head (H = 1) its one.

Letters: M pictures, H heads, N classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from heads import Images, ThreeHeads, sample
from torch import Tensor

BATCH = 64


@torch.no_grad()
def answers_of(model: ThreeHeads, images: Images) -> Tensor:
    """Probabilities [M, 3, N] of the whole pictures."""
    model.eval()
    parts = []
    for rows in torch.arange(len(images.imgs)).split(BATCH):
        crops = sample(images.imgs[rows], images.whole[rows])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(model.normalise(crops))
        parts.append(logits.float().softmax(dim=2))
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("teachers", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = Images.load(options.images)
    for teacher in options.teachers:
        name, file = teacher.split("=", 1)
        model = ThreeHeads().to(memory_format=torch.channels_last)
        model.start_from(Path(file))
        answers = answers_of(model, images)
        heads = 1 if Path(file).suffix == ".safetensors" else answers.shape[1]
        part = options.out / f"{name}.part"
        torch.save(answers[:, :heads].half(), part)
        part.replace(options.out / f"{name}.pt")


if __name__ == "__main__":
    main()
