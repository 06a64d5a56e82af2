"""Teachers for knowledge distillation: their predictions become a part of the training targets.

Each teacher predicts every training image and its mirror image once, before the first step. The mean of both, and of all
teachers, is mixed into the targets (Hinton et al. 2015, at a temperature of 1). Ten people's votes are a small sample, which the
prediction of a network trained on all images smooths.

Letters: B images, N classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fercli.data.crops import load_crop
from fercli.data.loader import Crops
from fercli.errors import WeightsError
from fercli.progress import TeacherProgress
from fercli.system.chunks import chunked
from fercli.system.digest import file_sha256
from fercli.train.process_group import ProcessGroup
from fercli.weights.classifier import CHUNK, Classifier, open_onnx, open_torch
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
from fercli.weights.find import find_weights
from fercli.weights.preprocess import flip_averaged_softmax, mirror


@dataclass(frozen=True)
class Teacher:
    """A trained network, its file and the file's sha256."""

    path: Path
    sha256: str
    classifier: Classifier


def open_teachers(names: Sequence[str], labels: Sequence[str], device: torch.device) -> tuple[Teacher, ...]:
    """Open the teachers' weights; WeightsError for a missing file or for other classes than `labels`."""
    return tuple(_open(find_weights(name, (TORCH_SUFFIX, ONNX_SUFFIX)), labels, device) for name in names)


def mix_in_teachers(
    crops: Crops,
    labels: Sequence[str],
    teachers: Sequence[Teacher],
    *,
    share: float,
    group: ProcessGroup,
    device: torch.device,
    report: Callable[[TeacherProgress], None],
) -> Tensor:
    """(1 - share) targets + share (mean of the teachers' probabilities): float32 [B, N].

    Args: crops with targets int64 [B] or float32 [B, N], classes in the order of `labels`; share in 0..1. Several processes
    predict a part of the images each and all get the targets of all images.
    """
    samples = group.own_part(crops.samples)
    probabilities = torch.zeros(len(samples), len(labels))
    for teacher in teachers:
        columns = [teacher.classifier.card.labels.index(label) for label in labels]
        size = teacher.classifier.card.model.input.size
        done = 0
        for chunk in chunked(samples, CHUNK):
            images = np.stack([load_crop(sample, size) for sample in chunk])
            both = flip_averaged_softmax(teacher.classifier.logits(images), teacher.classifier.logits(mirror(images)))
            probabilities[done : done + len(chunk)] += torch.from_numpy(both[:, columns])
            done += len(chunk)
            report(TeacherProgress(teacher.path.name, done, len(samples)))
    mean = group.gather((probabilities / len(teachers)).to(device), group.part_sizes(len(crops))).cpu()
    targets = crops.targets
    own = targets if targets.ndim == 2 else torch.nn.functional.one_hot(targets, len(labels)).float()
    return (1 - share) * own + share * mean


def _open(path: Path, labels: Sequence[str], device: torch.device) -> Teacher:
    classifier = (open_torch if path.suffix == TORCH_SUFFIX else open_onnx)(path, device=str(device))
    if set(classifier.card.labels) != set(labels):
        raise WeightsError(
            f"the teacher {path} predicts {', '.join(classifier.card.labels)}, but the data set has {', '.join(labels)}",
            fix="use a teacher trained on the same classes",
        )
    return Teacher(path, file_sha256(path), classifier)
