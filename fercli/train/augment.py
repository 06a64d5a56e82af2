"""Random changes to a batch of training crops, on whatever device it lies; every draw comes from the generator given."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import AugmentConfig

# Letters: B images, S side.


@dataclass(frozen=True)
class Draws:
    """Random numbers for the B images here, rows `start` to `start + here` of a batch of `count`: as if all were here.

    `generator` lives on the CPU, so the same seed gives the same changes on any device and any number of processes.
    """

    generator: torch.Generator
    here: int
    start: int = 0
    count: int | None = None

    def each(self) -> Tensor:
        """One number in 0..1 for every image, [B]."""
        whole = torch.rand(self.here if self.count is None else self.count, generator=self.generator)
        return whole[self.start : self.start + self.here]

    def one(self) -> float:
        """One number in 0..1 for the batch."""
        return torch.rand(1, generator=self.generator).item()


def augment(images: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Flip, move, relight, recolour, shrink and blur crops [B, 3, S, S] in 0..1; the result stays in 0..1."""
    if config.rotate or config.translate or config.scale:
        images = warp(images, affine_matrices(config, draws).to(images))
    elif config.flip:
        mirrored = (draws.each() < config.flip).to(images.device)
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    if config.brightness or config.contrast:
        images = _relight(images, config, draws)
    if config.saturation:
        images = _recolour(images, config.saturation, draws)
    if config.hue:
        images = turn_hue(images, (draws.each() * 2 - 1) * config.hue)
    if config.lowres:
        images = _lowres(images, config.lowres, draws)
    if config.blur:
        images = _blur(images, config.blur, draws)
    return images


def affine_matrices(config: AugmentConfig, draws: Draws) -> Tensor:
    """Random [B, 2, 3] maps from output to input coordinates in -1..1: flip, rotation, zoom, shift."""

    def symmetric(limit: float) -> Tensor:
        return (draws.each() * 2 - 1) * limit

    mirror = torch.where(draws.each() < config.flip, -1.0, 1.0)
    angle = symmetric(math.radians(config.rotate))
    zoom = 1 / (1 + symmetric(config.scale))
    shift = torch.stack((symmetric(2 * config.translate), symmetric(2 * config.translate)), dim=1)  # [B, 2]
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    linear = torch.stack((torch.stack((cos * mirror, -sin), 1), torch.stack((sin * mirror, cos), 1)), 1)  # [B, 2, 2]
    return torch.cat((linear, shift.unsqueeze(2)), dim=2)


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample [B, 3, S, S] through [B, 2, 3]; what comes from outside repeats the edge."""
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _relight(images: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    brightness = (draws.each() * 2 - 1) * config.brightness
    contrast = 1 + (draws.each() * 2 - 1) * config.contrast
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    moved = (images - mean) * contrast.to(images).view(-1, 1, 1, 1) + mean + brightness.to(images).view(-1, 1, 1, 1)
    return moved.clamp(0, 1)


def _recolour(images: Tensor, saturation: float, draws: Draws) -> Tensor:
    """Move every image away from its grey picture (ITU-R 601) or towards it."""
    weights = torch.tensor((0.299, 0.587, 0.114), device=images.device).view(1, 3, 1, 1)
    grey = (images * weights).sum(dim=1, keepdim=True)
    factor = 1 + (draws.each() * 2 - 1) * saturation
    return (grey + (images - grey) * factor.to(images).view(-1, 1, 1, 1)).clamp(0, 1)


def turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """RGB [B, 3, S, S] in 0..1 with hue turned by `turns` [B] of the colour circle; HSV's saturation and value stay."""
    value, chroma = images.amax(dim=1), images.amax(dim=1) - images.amin(dim=1)  # [B, S, S]
    red, green, blue = images.unbind(dim=1)
    some = chroma.clamp_min(1e-12)  # a grey has no hue, and any will do
    sector = torch.where(
        value == red,
        (green - blue) / some,
        torch.where(value == green, (blue - red) / some + 2, (red - green) / some + 4),
    )  # 0..6 from red over green and blue
    sector = sector + 6 * turns.to(images).view(-1, 1, 1)
    offsets = torch.tensor((5.0, 3.0, 1.0), device=images.device).view(1, 3, 1, 1)
    place = (offsets + sector.unsqueeze(1)) % 6
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(place, 4 - place).clamp(0, 1)


def _lowres(images: Tensor, probability: float, draws: Draws) -> Tensor:
    """Shrink some images of the batch to one random 25..75 % of their side and enlarge them again."""
    chosen, side = draws.each() < probability, images.shape[-1]
    small = max(8, int(side * (0.25 + 0.5 * draws.one())))

    def coarsen(some: Tensor) -> Tensor:
        poor = F.interpolate(some, size=(small, small), mode="bilinear", antialias=True, align_corners=False)
        return F.interpolate(poor, size=(side, side), mode="bilinear", align_corners=False)

    return _changed(images, chosen, coarsen)


def _blur(images: Tensor, probability: float, draws: Draws) -> Tensor:
    """Blur some images of the batch with one Gaussian of random sigma, 0.5..1.5 px."""
    chosen, sigma = draws.each() < probability, 0.5 + draws.one()

    def soften(some: Tensor) -> Tensor:
        offsets = torch.arange(-4, 5, device=some.device, dtype=some.dtype)
        kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
        kernel = (kernel / kernel.sum()).view(1, 1, 1, 9)
        flat = F.pad(some.flatten(0, 1).unsqueeze(1), (4, 4, 4, 4), mode="replicate")  # [3B, 1, S+8, S+8]
        return F.conv2d(F.conv2d(flat, kernel), kernel.mT).view_as(some)

    return _changed(images, chosen, soften)


def _changed(images: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The images [B, 3, S, S] with those changed that are chosen (bool [B], on the CPU); the others cost nothing."""
    places = chosen.nonzero().flatten().to(images.device)
    return images.index_copy(0, places, change(images[places])) if len(places) else images


def erase(images: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """RandomErasing (Zhong et al. 2020) on normalised images: one rectangle, filled with 0."""
    if not config.erase:
        return images
    side = images.shape[-1]
    low, high = config.erase_scale
    chosen = draws.each() < config.erase
    area = (low + (high - low) * draws.each()) * side * side
    flattest, tallest = config.erase_ratio
    ratio = torch.exp(math.log(flattest) + math.log(tallest / flattest) * draws.each())
    height = torch.sqrt(area * ratio).round().clamp(1, side - 1)
    width = torch.sqrt(area / ratio).round().clamp(1, side - 1)
    top = (draws.each() * (side - height + 1)).floor()
    left = (draws.each() * (side - width + 1)).floor()
    place = torch.arange(side)
    rows = (place >= top[:, None]) & (place < (top + height)[:, None])  # [B, S]
    columns = (place >= left[:, None]) & (place < (left + width)[:, None])  # [B, S]
    hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]  # [B, S, S]
    return images.masked_fill(hole.unsqueeze(1).to(images.device), 0.0)
