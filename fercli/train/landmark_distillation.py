"""Training of the landmark branch: crops and a teacher's 68 points in, mean error out; prints nothing, touches no file."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import AugmentConfig
from fercli.models.mobilefacenet import LandmarkNet
from fercli.train.augment import Draws, affine_matrices, augment, warp

# Letters: B images, S side; points are fractions of the side, x to the right and y down.

OUTER_EYE_CORNERS = (36, 45)  # in the 68-point scheme of 300-W
# where each point goes when the face is mirrored: jaw, brows, nose, eyes, mouth (300-W)
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def move_points(points: Tensor, matrices: Tensor) -> Tensor:
    """Where points [B, 68, 2] lie after `warp` with the same output-to-input maps [B, 2, 3]; mirrored faces are renamed."""
    linear, shift = matrices[:, :, :2], matrices[:, :, 2]
    centred = points * 2 - 1 - shift.unsqueeze(1)
    moved = (torch.linalg.solve(linear, centred.mT).mT + 1) / 2
    mirrored = torch.linalg.det(linear) < 0
    renamed = moved[:, torch.tensor(MIRRORED, device=points.device)]
    return torch.where(mirrored.view(-1, 1, 1), renamed, moved)


def interocular_error(guess: Tensor, truth: Tensor) -> Tensor:
    """Mean point distance divided by the distance of the outer eye corners, [B]."""
    left, right = (truth[:, index] for index in OUTER_EYE_CORNERS)
    scale = torch.linalg.vector_norm(left - right, dim=1).clamp_min(1e-3)
    return torch.linalg.vector_norm(guess - truth, dim=2).mean(dim=1) / scale


def distill_step(
    student: LandmarkNet,
    crops: Tensor,
    points: Tensor,
    *,
    optimizer: torch.optim.Optimizer,
    config: AugmentConfig,
    draw: torch.Generator,
) -> float:
    """Move the student once towards the teacher's points on changed crops [B, 3, S, S] in 0..1; returns the mean error.

    The loss is smooth L1 on the points in units of a twentieth of the side, so that far points do not rule.
    """
    student.train()
    draws = Draws(draw, len(crops))
    matrices = affine_matrices(config, draws).to(crops)
    still = AugmentConfig(
        flip=0, brightness=config.brightness, contrast=config.contrast, lowres=config.lowres, blur=config.blur
    )
    changed = augment(warp(crops, matrices), still, draws)
    target = move_points(points, matrices)
    guess = student(changed)
    optimizer.zero_grad(set_to_none=True)
    F.smooth_l1_loss(guess * 20, target * 20).backward()
    optimizer.step()
    return float(interocular_error(guess.detach(), target).mean())
