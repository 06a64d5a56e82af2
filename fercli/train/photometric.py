"""Random light, noise, sharpness and compression of a batch of training crops: what cameras do that a data set may lack.

Letters: B images, S side.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.train.random_numbers import BatchRandom, seeded_generator, to_device

_JPEG_SCALE = (0.35, 2.5)  # factors on the quantisation table, as libjpeg's quality 83 and 20
_SHARPEN_SIGMA = 1.5
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)  # ITU-T T.81 (JPEG), table K.1


def jitter_gamma(images: Tensor, limit: float, random: BatchRandom) -> Tensor:
    """Raise crops [B, 3, S, S] in 0..1 to a power of exp(-limit) .. exp(limit)."""
    power = torch.exp(random.per_image_symmetric(limit))
    return images.clamp(0, 1) ** _per_image(power, images)


def jitter_light(images: Tensor, limit: float, random: BatchRandom) -> Tensor:
    """Multiply by a linear gradient in a random direction: up to 1 + limit at one edge, down to 1 - limit at the other."""
    angle = random.per_image() * 2 * math.pi
    slope = random.per_image() * limit
    position = torch.linspace(-1, 1, images.shape[-1], device=images.device)
    across = _per_image(torch.cos(angle) * slope, images) * position.view(1, 1, 1, -1)
    down = _per_image(torch.sin(angle) * slope, images) * position.view(1, 1, -1, 1)
    return (images * (1 + across + down)).clamp(0, 1)


def add_noise(images: Tensor, limit: float, random: BatchRandom) -> Tensor:
    """Add Gaussian noise, the same in all channels, with a standard deviation of 0 .. limit."""
    deviation, seeds = random.per_image() * limit, random.per_image()
    side = images.shape[-1]
    noise = torch.stack(
        [torch.randn(1, side, side, generator=seeded_generator(int(seed * 2**40))) for seed in seeds.double().tolist()]
    )  # [B, 1, S, S], of each image alone: independent of the number of processes
    return (images + to_device(noise, images.device) * _per_image(deviation, images)).clamp(0, 1)


def sharpen(images: Tensor, strength: Tensor) -> Tensor:
    """Unsharp masking: add `strength` [B] times the difference from a Gaussian blur."""
    offsets = torch.arange(-4, 5, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / _SHARPEN_SIGMA) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, 9)
    padded = F.pad(images.flatten(0, 1).unsqueeze(1), (4, 4, 4, 4), mode="replicate")  # [3B, 1, S+8, S+8]
    blurred = F.conv2d(F.conv2d(padded, kernel), kernel.mT).view_as(images)
    return (images + _per_image(strength, images) * (images - blurred)).clamp(0, 1)


def compress_jpeg(images: Tensor, scale: Tensor) -> Tensor:
    """Quantise 8 x 8 blocks as JPEG does, each channel by the luminance table times `scale` [B]; S need not be a multiple of 8."""
    side = images.shape[-1]
    padding = -side % 8
    padded = F.pad(images, (0, padding, 0, padding), mode="replicate")
    count = (side + padding) // 8
    blocks = (
        (padded * 255 - 128).unflatten(3, (count, 8)).unflatten(2, (count, 8)).transpose(3, 4)
    )  # [B, 3, n, n, 8, 8]
    transform = _cosine_transform(images)
    table = torch.tensor(_LUMINANCE, dtype=images.dtype, device=images.device)
    steps = (table * to_device(scale, images.device).view(-1, 1, 1, 1, 1, 1)).clamp_min(1)
    quantised = torch.round(transform @ blocks @ transform.mT / steps) * steps
    restored = (transform.mT @ quantised @ transform + 128) / 255
    return restored.transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :side, :side].clamp(0, 1)


def sharpen_some(images: Tensor, probability: float, random: BatchRandom) -> Tensor:
    """Sharpen a share of the images by a strength of 0.5 .. 1.5."""
    selected, strength = random.per_image() < probability, 0.5 + random.per_image()
    return sharpen(images, strength * selected)


def compress_some(images: Tensor, probability: float, random: BatchRandom) -> Tensor:
    """Compress a share of the images, the factor on the table log-uniform in _JPEG_SCALE."""
    selected, position = random.per_image() < probability, random.per_image()
    low, high = (math.log(scale) for scale in _JPEG_SCALE)
    compressed = compress_jpeg(images, torch.exp(low + (high - low) * position))
    return torch.where(_per_image(selected, images).bool(), compressed, images)


def _cosine_transform(like: Tensor) -> Tensor:
    """The orthonormal discrete cosine transform of 8 values (DCT-II), [8, 8]: a row per frequency."""
    index = torch.arange(8, dtype=like.dtype, device=like.device)
    rows = torch.cos((2 * index + 1) * index.unsqueeze(1) * math.pi / 16) / 2
    rows[0] *= math.sqrt(0.5)
    return rows


def _per_image(values: Tensor, images: Tensor) -> Tensor:
    return to_device(values, images.device).view(-1, 1, 1, 1)
