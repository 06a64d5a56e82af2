"""Training of the landmark branch towards the 68 points of a teacher network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import AugmentConfig
from fercli.models.mobilefacenet import LandmarkNet
from fercli.train.augment import affine_matrices, augment, warp_affine
from fercli.train.random_numbers import BatchRandom

# Letters: B images, S side; points are fractions of the side, x to the right and y down.

OUTER_EYE_CORNERS = (36, 45)  # in the 68-point scheme of 300-W
# index of each point in the mirrored face: jaw, brows, nose, eyes, mouth (300-W)
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def move_points(points: Tensor, matrices: Tensor) -> Tensor:
    """Points [B, 68, 2] after `warp_affine` with the same output-to-input maps [B, 2, 3]; in mirrored faces left and right swap."""
    linear, shift = matrices[:, :, :2], matrices[:, :, 2]
    centred = points * 2 - 1 - shift.unsqueeze(1)
    moved = (torch.linalg.solve(linear, centred.mT).mT + 1) / 2
    mirrored = torch.linalg.det(linear) < 0
    swapped = moved[:, torch.tensor(MIRRORED, device=points.device)]
    return torch.where(mirrored.view(-1, 1, 1), swapped, moved)


def interocular_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the mean distance of points [B, 68, 2] divided by the distance of the outer eye corners, [B]."""
    left, right = (truth[:, index] for index in OUTER_EYE_CORNERS)
    scale = torch.linalg.vector_norm(left - right, dim=1).clamp_min(1e-3)
    return torch.linalg.vector_norm(predicted - truth, dim=2).mean(dim=1) / scale


def start_at_mean_face(student: LandmarkNet, points: Tensor) -> None:
    """Set the student's last batch norm to the mean and deviation of points [M, 68, 2].

    Otherwise the output needs hundreds of steps to shrink to the range of the points.
    """
    with torch.no_grad():
        student.norm.bias.copy_(points.mean(dim=0).flatten())
        student.norm.weight.copy_(points.std(dim=0).flatten())


def distill_step(
    student: LandmarkNet,
    crops: Tensor,
    points: Tensor,
    *,
    optimizer: torch.optim.Optimizer,
    config: AugmentConfig,
    generator: torch.Generator,
) -> float:
    """Take one step of the student towards the teacher's points on augmented crops [B, 3, S, S] in 0..1; returns the mean error.

    The loss is smooth L1 on the points in units of a twentieth of the side, so that single large errors do not dominate.
    """
    student.train()
    random = BatchRandom(generator, len(crops))
    matrices = affine_matrices(config, random).to(crops)
    without_warp = AugmentConfig(
        flip=0, brightness=config.brightness, contrast=config.contrast, lowres=config.lowres, blur=config.blur
    )
    augmented = augment(warp_affine(crops, matrices), without_warp, random)
    target = move_points(points, matrices)
    predicted = student(augmented)
    optimizer.zero_grad(set_to_none=True)
    F.smooth_l1_loss(predicted * 20, target * 20).backward()
    optimizer.step()
    return float(interocular_error(predicted.detach(), target).mean())
