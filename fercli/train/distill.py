"""`fer distill`: a landmark network and face crops in, our own compact landmark branch out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fercli.config.model import BtnConfig, InputConfig
from fercli.config.training import AugmentConfig
from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample
from fercli.errors import DataError
from fercli.models.mobilefacenet import LandmarkNet
from fercli.progress import Progress, silent
from fercli.system.devices import resolve_device
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing
from fercli.train.landmark_distillation import distill_step, interocular_error
from fercli.train.loop import to_unit
from fercli.train.sampling import generator
from fercli.weights.files import PartCard, save_part
from fercli.weights.foreign.mobilefacenet import load_landmark_net

TEACHER_SIZE = 112
AUGMENT = AugmentConfig(
    flip=0.5, rotate=20, translate=0.1, scale=0.2, brightness=0.25, contrast=0.25, lowres=0.15, blur=0.15, erase=0.0
)


@dataclass(frozen=True)
class DistillResult:
    """error: mean distance to the teacher's points on held-out images, as a share of the distance of the outer eye corners."""

    out: Path
    images: int
    epochs: int
    error: float


def distill(
    teacher: Path,
    dataset: Dataset,
    *,
    out: Path,
    model: BtnConfig,
    images: int | None = None,
    epochs: int = 8,
    batch_size: int = 64,
    lr: float = 4e-3,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> DistillResult:
    """Train the landmark branch of `model` to find the 68 points that a MobileFaceNet checkpoint finds.

    Labels are not used: train images (labelled or not) teach, val images measure; `images` takes that many of the train images
    at random, None all, and a tenth as many to measure. Writes one part file for `fer train --init-from`.
    """
    refuse_existing(out, overwrite=overwrite)
    where = resolve_device(device)
    train = [s for s in dataset.samples if s.split == "train"]
    held_out = [s for s in dataset.samples if s.split == "val"] or train[: max(1, len(train) // 20)]
    if not train:
        raise DataError(f"{dataset.root} has no training images", fix="a data set with a train split")
    if images is not None:
        train, held_out = _some(train, images, seed), _some(held_out, max(1, images // 10), seed)
    torch.manual_seed(seed)
    size, config = model.landmark_size, InputConfig(colour=model.input.colour)
    student = LandmarkNet(model.landmark.width, model.landmark.activation, size=size)
    student.to(where).to(memory_format=torch.channels_last)
    guide = load_landmark_net(teacher).to(where).to(memory_format=torch.channels_last)
    points = _teacher_points(guide, [*train, *held_out], config, progress)
    truth = points[len(train) :]
    # start from the mean face: the output's batch norm would need hundreds of steps to shrink to it
    with torch.no_grad():
        student.norm.bias.copy_(points.mean(dim=0).flatten())
        student.norm.weight.copy_(points.std(dim=0).flatten())

    optimizer = torch.optim.AdamW(student.parameters(), lr=lr, weight_decay=1e-3)
    steps = len(train) // batch_size if len(train) > batch_size else 1
    for epoch in range(epochs):
        order = torch.randperm(len(train), generator=generator(seed, epoch))
        for step in range(steps):
            share = (epoch * steps + step + 1) / (epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = lr * 0.5 * (1 + math.cos(math.pi * share))
            index = order[step * batch_size : (step + 1) * batch_size].tolist()
            crops = to_unit(_crops([train[i] for i in index], size).to(where), config)
            error = distill_step(
                student,
                crops,
                points[index].to(where),
                optimizer=optimizer,
                config=AUGMENT,
                draw=generator(seed, epoch, step),
            )
            progress(epoch * steps + step + 1, epochs * steps, f"epoch {epoch + 1}, error {100 * error:.1f} %")
    final = _error(student, held_out, truth, size, config)
    save_part(
        out,
        {f"landmark_backbone.{name}": value for name, value in student.trunk.state_dict().items()},
        PartCard(
            "landmark_backbone",
            {
                "trained_by": "fer distill",
                "teacher": {"file": teacher.name, "sha256": file_sha256(teacher)},
                "method": "regression to the 68 points a MobileFaceNet finds (outputs only, no weights copied)",
                "data": dataset.name,
                "images": len(train),
                "epochs": epochs,
                "size": size,
                "error_of_interocular_distance": round(final, 4),
            },
        ),
    )
    return DistillResult(out, len(train), epochs, final)


def _some(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    order = torch.randperm(len(samples), generator=generator(seed, 7))[:count].tolist()
    return [samples[i] for i in sorted(order)]


def _crops(samples: Sequence[Sample], size: int) -> Tensor:
    """Crops as uint8 [B, 3, S, S]."""
    return torch.from_numpy(np.stack([load_crop(s, size) for s in samples])).permute(0, 3, 1, 2)


@torch.inference_mode()
def _teacher_points(
    teacher: LandmarkNet,
    samples: Sequence[Sample],
    config: InputConfig,
    progress: Progress,
) -> Tensor:
    teacher.eval()
    where = next(teacher.parameters()).device
    parts = []
    for start in range(0, len(samples), 64):
        crops = to_unit(_crops(samples[start : start + 64], TEACHER_SIZE).to(where), config)
        parts.append(teacher(crops).cpu())
        progress(min(start + 64, len(samples)), len(samples), "teacher's points")
    return torch.cat(parts).clone()


@torch.inference_mode()
def _error(student: LandmarkNet, samples: Sequence[Sample], truth: Tensor, size: int, config: InputConfig) -> float:
    student.eval()
    where = next(student.parameters()).device
    errors = [
        interocular_error(
            student(to_unit(_crops(samples[i : i + 64], size).to(where), config)), truth[i : i + 64].to(where)
        ).cpu()
        for i in range(0, len(samples), 64)
    ]
    return float(torch.cat(errors).mean())
