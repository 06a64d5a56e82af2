"""`fer distill`: train a compact landmark branch on the predictions of a landmark network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fercli.config.model import BtnConfig, InputConfig
from fercli.config.training import AugmentConfig
from fercli.data.dataset import Dataset, Sample
from fercli.data.loader import CropReader, Crops, in_batches
from fercli.data.readable import require_readable
from fercli.errors import DataError
from fercli.formatting import percent
from fercli.models.mobilefacenet import LandmarkNet
from fercli.progress import Progress, silent
from fercli.system.devices import resolve_device
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing
from fercli.train.batches import reading_ahead
from fercli.train.inputs import to_unit
from fercli.train.landmark_distillation import distill_step, interocular_error, start_at_mean_face
from fercli.train.random_numbers import seeded_generator
from fercli.train.schedule import cosine_factor
from fercli.weights.files import PartCard, save_part
from fercli.weights.foreign.mobilefacenet import load_landmark_net

TEACHER_SIZE = 112
EVALUATION_BATCH = 64
AUGMENT = AugmentConfig(
    flip=0.5, rotate=20, translate=0.1, scale=0.2, brightness=0.25, contrast=0.25, lowres=0.15, blur=0.15, erase=0.0
)


@dataclass(frozen=True)
class DistillConfig:
    """images: how many training images to sample at random (None: all); a tenth as many measure the error."""

    images: int | None = None
    epochs: int = 8
    batch_size: int = 64
    lr: float = 4e-3
    seed: int = 0


@dataclass(frozen=True)
class DistillResult:
    """error: mean distance to the teacher's points on held-out images, divided by the distance of the outer eye corners."""

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
    config: DistillConfig | None = None,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> DistillResult:
    """Train the landmark branch of `model` to predict the 68 points that a MobileFaceNet checkpoint predicts.

    Labels are not used: train images (labelled or not) train, val images measure, or a twentieth of train without any. Writes
    one part file for `fer train --init-from`.
    Raises: DataError without training images, RefusedError if `out` exists and `overwrite` is not set.
    """
    config = config or DistillConfig()
    refuse_existing(out, overwrite=overwrite)
    torch_device = resolve_device(device)
    train, held_out = _split(dataset, config)
    torch.manual_seed(config.seed)
    inputs = InputConfig(colour=model.input.colour)
    student = LandmarkNet(model.landmark.width, model.landmark.activation, size=model.landmark_size)
    student.to(torch_device).to(memory_format=torch.channels_last)
    teacher_net = load_landmark_net(teacher).to(torch_device).to(memory_format=torch.channels_last)
    samples = [*train, *held_out]
    require_readable(samples, dataset.root)
    points = _predict_points(teacher_net, samples, TEACHER_SIZE, inputs, progress)
    start_at_mean_face(student, points)
    crops = Crops(train, points[: len(train)], model.landmark_size)
    _train(student, crops, inputs, config, progress)
    predicted = _predict_points(student, held_out, model.landmark_size, inputs, silent)
    error = float(interocular_error(predicted, points[len(train) :]).mean())
    provenance = {
        "trained_by": "fer distill",
        "teacher": {"file": teacher.name, "sha256": file_sha256(teacher)},
        "method": "regression to the 68 points predicted by a MobileFaceNet (outputs only, no weights copied)",
        "data": dataset.name,
        "images": len(train),
        "epochs": config.epochs,
        "size": model.landmark_size,
        "error_of_interocular_distance": round(error, 4),
    }
    card = PartCard("landmark_backbone", provenance)
    save_part(out, {f"landmark_backbone.{name}": value for name, value in student.trunk.state_dict().items()}, card)
    return DistillResult(out, len(train), config.epochs, error)


def _split(dataset: Dataset, config: DistillConfig) -> tuple[list[Sample], list[Sample]]:
    """The images that train and those that measure."""
    train = [sample for sample in dataset.samples if sample.split == "train"]
    if not train:
        raise DataError(f"{dataset.root} has no training images", fix="use a data set with a train split")
    held_out = [sample for sample in dataset.samples if sample.split == "val"] or train[: max(1, len(train) // 20)]
    if config.images is None:
        return train, held_out
    return (
        _random_subset(train, config.images, config.seed),
        _random_subset(held_out, max(1, config.images // 10), config.seed),
    )


def _random_subset(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    order = torch.randperm(len(samples), generator=seeded_generator(seed, 7))[:count].tolist()
    return [samples[index] for index in sorted(order)]


def _train(student: LandmarkNet, crops: Crops, inputs: InputConfig, config: DistillConfig, progress: Progress) -> None:
    """Train with AdamW and a cosine learning rate; the last, smaller batch of an epoch is left out."""
    device = next(student.parameters()).device
    optimizer = torch.optim.AdamW(student.parameters(), lr=config.lr, weight_decay=1e-3)
    reader, done = CropReader(crops, device=device), 0
    for epoch in range(config.epochs):
        order = torch.randperm(len(crops), generator=seeded_generator(config.seed, epoch)).tolist()
        batches = in_batches(order, config.batch_size, drop_last=True)
        steps = config.epochs * len(batches)
        with reading_ahead(reader, batches) as batches_read:
            for step, (images, points) in enumerate(batches_read):
                for group in optimizer.param_groups:
                    group["lr"] = config.lr * cosine_factor((done + 1) / steps)
                error = distill_step(
                    student,
                    to_unit(images.to(device), inputs),
                    points.to(device),
                    optimizer=optimizer,
                    config=AUGMENT,
                    generator=seeded_generator(config.seed, epoch, step),
                )
                done += 1
                progress(done, steps, f"epoch {epoch + 1}, error {percent(error, 1)}")


@torch.inference_mode()
def _predict_points(
    network: LandmarkNet, samples: Sequence[Sample], size: int, inputs: InputConfig, progress: Progress
) -> Tensor:
    """Points [M, 68, 2] of crops of `size` px, on the CPU."""
    network.eval()
    device = next(network.parameters()).device
    crops = Crops(samples, torch.zeros(len(samples)), size)
    batches = in_batches(range(len(samples)), EVALUATION_BATCH, drop_last=False)
    points: list[Tensor] = []
    with reading_ahead(CropReader(crops, device=device), batches) as batches_read:
        for images, _ in batches_read:
            points.append(network(to_unit(images.to(device), inputs)).cpu())
            progress(min(len(points) * EVALUATION_BATCH, len(samples)), len(samples), "points of the teacher")
    return torch.cat(points).clone()
