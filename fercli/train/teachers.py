"""Training targets and earlier networks in, targets mixed with what those answer out: knowledge distillation.

Each teacher is asked once, before the first step, about every training image and its mirror image: the mean of both, and of all
teachers, takes a share of the target (Hinton et al. 2015, at a temperature of 1). Ten people's votes are a small sample; what a
network made of all images says of one image smooths them.

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
from fercli.system.digest import file_sha256
from fercli.train.distributed import World
from fercli.weights.classifier import CHUNK, Classifier, open_onnx, open_torch
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights
from fercli.weights.preprocess import mirror, softmax_of_both

_KINDS = (TORCH_SUFFIX, ONNX_SUFFIX)


@dataclass(frozen=True)
class Teacher:
    """A trained network, its file and the file's sha256."""

    path: Path
    sha256: str
    classifier: Classifier


def open_teachers(names: Sequence[str], labels: Sequence[str], device: torch.device) -> tuple[Teacher, ...]:
    """The teachers, ready to be asked; WeightsError for one that is missing or has other classes than `labels`."""
    return tuple(_open(find_weights(name, _KINDS), labels, device) for name in names)


def with_teachers(
    crops: Crops,
    labels: Sequence[str],
    teachers: Sequence[Teacher],
    *,
    share: float,
    world: World,
    device: torch.device,
    report: Callable[[TeacherProgress], None],
) -> Tensor:
    """(1 - share) targets + share (mean of the teachers' probabilities): float32 [B, N].

    Args: crops with targets int64 [B] or float32 [B, N], classes in the order of `labels`; share in 0..1. Several processes
    share the images and all get the whole.
    """
    mine = world.share(crops.samples)
    answers = torch.zeros(len(mine), len(labels))
    for teacher in teachers:
        columns = [teacher.classifier.card.labels.index(label) for label in labels]
        size = teacher.classifier.card.model.input.size
        for start in range(0, len(mine), CHUNK):
            faces = np.stack([load_crop(sample, size) for sample in mine[start : start + CHUNK]])
            both = softmax_of_both(teacher.classifier.logits(faces), teacher.classifier.logits(mirror(faces)))
            answers[start : start + len(faces)] += torch.from_numpy(both[:, columns])
            report(TeacherProgress(teacher.path.name, start + len(faces), len(mine)))
    taught = world.gather((answers / len(teachers)).to(device), world.sizes(len(crops))).cpu()
    targets = crops.targets
    own = targets if targets.ndim == 2 else torch.nn.functional.one_hot(targets, len(labels)).float()
    return (1 - share) * own + share * taught


def _open(path: Path, labels: Sequence[str], device: torch.device) -> Teacher:
    classifier = (open_torch if path.suffix == TORCH_SUFFIX else open_onnx)(path, device=str(device))
    if set(classifier.card.labels) != set(labels):
        raise WeightsError(
            f"the teacher {path} answers {', '.join(classifier.card.labels)}, but the data set has {', '.join(labels)}",
            fix="a teacher trained on the same classes",
        )
    return Teacher(path, file_sha256(path), classifier)
