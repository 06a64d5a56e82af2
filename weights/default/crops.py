"""Random crops of the pictures that `train.py` uses: whole, aligned and closer, in changing light, some of them warped.

Letters: B pictures of a batch, S side of the crop.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from heads import Images, sample
from torch import Tensor

from fercli.config.training import AugmentConfig
from fercli.train.augment import affine_matrices, augment
from fercli.train.random_numbers import BatchRandom

GEOMETRY = AugmentConfig(flip=0.5, rotate=10, translate=0.05, scale=0.13)
LIGHT = AugmentConfig(flip=0, brightness=0.12, contrast=0.2, gamma=0.25, light=0.15, lowres=0.08, blur=0.03)
WHOLE, CLOSER = 0.5, 0.12  # shares of whole pictures and of closer crops; the others are aligned faces
WARP_SHARE = 0.4  # share of warped crops
WARP_POINTS = 5  # points of a warp on each side
WARP_SHIFT = 0.06  # largest shift of a point; the crop is 2 wide
CLOSER_SIDES = (0.72, 0.95)  # of the aligned face


def random_crops(images: Images, rows: Tensor, random: BatchRandom) -> Tensor:
    """Whole pictures, aligned faces and closer ones [B, 1, S, S] in 0..1, each rotated, zoomed, shifted and flipped."""
    view = random.per_image()
    base = torch.where((view < WHOLE).view(-1, 1, 1), images.whole[rows], images.aligned[rows])
    jitter = affine_matrices(GEOMETRY, random)
    low, high = CLOSER_SIDES
    side = torch.where(view > 1 - CLOSER, low + (high - low) * random.per_image(), 1.0)
    jitter = torch.cat([jitter[:, :, :2] * side.view(-1, 1, 1), jitter[:, :, 2:]], dim=2)
    crops = augment(sample(images.imgs[rows], base, jitter), LIGHT, random)
    return randomly_warped(crops, random)


def randomly_warped(crops: Tensor, random: BatchRandom) -> Tensor:
    """Some crops [B, 1, S, S] with a smooth random warp, so that traces of warping do not identify synthetic faces."""
    count = len(crops)
    field = torch.stack([random.per_image_symmetric(1.0) for _ in range(2 * WARP_POINTS**2)], dim=1)
    field = field.view(count, 2, WARP_POINTS, WARP_POINTS) * (WARP_SHIFT * random.per_image()).view(-1, 1, 1, 1)
    field = field * (random.per_image() < WARP_SHARE).view(-1, 1, 1, 1)
    field = F.interpolate(field, size=crops.shape[-2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    grid = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), list(crops.shape), align_corners=False)
    return F.grid_sample(crops, grid + field, mode="bilinear", padding_mode="border", align_corners=False)
