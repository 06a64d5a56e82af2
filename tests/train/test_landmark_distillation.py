"""Points of a warped and of a mirrored face."""

from __future__ import annotations

import torch

from fercli.config.training import AugmentConfig
from fercli.train.augment import affine_matrices, warp_affine
from fercli.train.landmark_distillation import MIRRORED, move_points
from fercli.train.random_numbers import BatchRandom, seeded_generator


def test_move_points__follow_the_pixel_they_mark():
    config = AugmentConfig(flip=0, rotate=25, translate=0.1, scale=0.2)
    side, x, y = 64, 40, 25
    picture = torch.zeros(8, 1, side, side)
    picture[:, 0, y, x] = 1.0
    matrices = affine_matrices(config, BatchRandom(seeded_generator(3), 8))
    moved = warp_affine(picture, matrices)
    points = torch.tensor([(x + 0.5) / side, (y + 0.5) / side]).expand(8, 68, 2)
    for image, point in zip(moved[:, 0], move_points(points, matrices)[:, 0], strict=True):
        mass = image / image.sum()
        centre = torch.stack(
            [(mass.sum(dim=0) * (torch.arange(side) + 0.5)).sum(), (mass.sum(dim=1) * (torch.arange(side) + 0.5)).sum()]
        )
        assert torch.linalg.vector_norm(centre / side - point) < 0.5 / side


def test_move_points__a_mirrored_face_swaps_left_and_right():
    mirror = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    points = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0))
    moved = move_points(points, mirror)
    torch.testing.assert_close(moved[0, 36], torch.stack((1 - points[0, 45, 0], points[0, 45, 1])))
    assert [MIRRORED[MIRRORED[i]] for i in range(68)] == list(range(68))
