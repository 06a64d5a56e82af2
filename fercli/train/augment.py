"""Augmentation of a batch of training crops, on any device, with random values from the generator it is given."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import AugmentConfig
from fercli.train.photometric import add_noise, compress_some, jitter_gamma, jitter_light, sharpen_some
from fercli.train.random_numbers import BatchRandom, to_device

# Letters: B images, S side.


def augment(images: Tensor, config: AugmentConfig, random: BatchRandom) -> Tensor:
    """Flip, warp, recolour, relight and degrade crops [B, 3, S, S] in 0..1; the result stays in 0..1."""
    if config.rotate or config.translate or config.scale:
        images = warp_affine(images, to_device(affine_matrices(config, random), images.device))
    elif config.flip:
        mirrored = to_device(random.per_image() < config.flip, images.device)
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    if config.brightness or config.contrast:
        images = _jitter_brightness_and_contrast(images, config, random)
    if config.saturation:
        images = _jitter_saturation(images, config.saturation, random)
    if config.hue:
        images = shift_hue(images, random.per_image_symmetric(config.hue))
    if config.gamma:
        images = jitter_gamma(images, config.gamma, random)
    if config.light:
        images = jitter_light(images, config.light, random)
    if config.lowres:
        images = _reduce_resolution(images, config.lowres, random)
    if config.blur:
        images = _blur(images, config.blur, random)
    if config.sharpen:
        images = sharpen_some(images, config.sharpen, random)
    if config.noise:
        images = add_noise(images, config.noise, random)
    if config.jpeg:
        images = compress_some(images, config.jpeg, random)
    return images


def affine_matrices(config: AugmentConfig, random: BatchRandom) -> Tensor:
    """Return random [B, 2, 3] maps from output to input coordinates in -1..1: flip, rotation, zoom, shift."""
    mirror = torch.where(random.per_image() < config.flip, -1.0, 1.0)
    angle = random.per_image_symmetric(math.radians(config.rotate))
    zoom = 1 / (1 + random.per_image_symmetric(config.scale))
    limit = 2 * config.translate  # of coordinates in -1..1
    shift = torch.stack((random.per_image_symmetric(limit), random.per_image_symmetric(limit)), dim=1)  # [B, 2]
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    linear = torch.stack((torch.stack((cos * mirror, -sin), 1), torch.stack((sin * mirror, cos), 1)), 1)  # [B, 2, 2]
    return torch.cat((linear, shift.unsqueeze(2)), dim=2)


def warp_affine(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample [B, 3, S, S] through maps [B, 2, 3]; pixels outside repeat the edge."""
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _jitter_brightness_and_contrast(images: Tensor, config: AugmentConfig, random: BatchRandom) -> Tensor:
    brightness = random.per_image_symmetric(config.brightness)
    contrast = 1 + random.per_image_symmetric(config.contrast)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    moved = (
        (images - mean) * to_device(contrast, images.device).view(-1, 1, 1, 1)
        + mean
        + to_device(brightness, images.device).view(-1, 1, 1, 1)
    )
    return moved.clamp(0, 1)


def _jitter_saturation(images: Tensor, saturation: float, random: BatchRandom) -> Tensor:
    """Move every image away from its grey version (ITU-R 601) or towards it."""
    weights = torch.tensor((0.299, 0.587, 0.114), device=images.device).view(1, 3, 1, 1)
    grey = (images * weights).sum(dim=1, keepdim=True)
    factor = 1 + random.per_image_symmetric(saturation)
    return (grey + (images - grey) * to_device(factor, images.device).view(-1, 1, 1, 1)).clamp(0, 1)


def shift_hue(images: Tensor, shifts: Tensor) -> Tensor:
    """RGB [B, 3, S, S] in 0..1 with the hue shifted by `shifts` [B] of the colour circle; HSV's saturation and value stay."""
    value, chroma = images.amax(dim=1), images.amax(dim=1) - images.amin(dim=1)  # [B, S, S]
    red, green, blue = images.unbind(dim=1)
    divisor = chroma.clamp_min(1e-12)  # grey pixels have no hue
    sector = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )  # 0..6 from red over green and blue
    sector = sector + 6 * to_device(shifts, images.device).view(-1, 1, 1)
    offsets = torch.tensor((5.0, 3.0, 1.0), device=images.device).view(1, 3, 1, 1)
    position = (offsets + sector.unsqueeze(1)) % 6
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(position, 4 - position).clamp(0, 1)


def _reduce_resolution(images: Tensor, probability: float, random: BatchRandom) -> Tensor:
    """Shrink some images of the batch to one random 25..75 % of their side and enlarge them again."""
    selected, side = random.per_image() < probability, images.shape[-1]
    small = max(8, int(side * (0.25 + 0.5 * random.per_batch())))

    def reduce(crops: Tensor) -> Tensor:
        reduced = F.interpolate(crops, size=(small, small), mode="bilinear", antialias=True, align_corners=False)
        return F.interpolate(reduced, size=(side, side), mode="bilinear", align_corners=False)

    return _apply_to_selected(images, selected, reduce)


def _blur(images: Tensor, probability: float, random: BatchRandom) -> Tensor:
    """Blur some images of the batch with one Gaussian of random sigma, 0.5..1.5 px."""
    selected, sigma = random.per_image() < probability, 0.5 + random.per_batch()

    def blur(crops: Tensor) -> Tensor:
        offsets = torch.arange(-4, 5, device=crops.device, dtype=crops.dtype)
        kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
        kernel = (kernel / kernel.sum()).view(1, 1, 1, 9)
        padded = F.pad(crops.flatten(0, 1).unsqueeze(1), (4, 4, 4, 4), mode="replicate")  # [3B, 1, S+8, S+8]
        return F.conv2d(F.conv2d(padded, kernel), kernel.mT).view_as(crops)

    return _apply_to_selected(images, selected, blur)


def _apply_to_selected(images: Tensor, selected: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
    """Transform the `selected` images (bool [B], on the CPU) of [B, 3, S, S]; nothing is computed for the others."""
    indices = to_device(selected.nonzero().flatten(), images.device)
    return images.index_copy(0, indices, transform(images[indices])) if len(indices) else images


def erase(images: Tensor, config: AugmentConfig, random: BatchRandom) -> Tensor:
    """RandomErasing (Zhong et al. 2020) on normalised images: one rectangle, filled with 0."""
    if not config.erase:
        return images
    side = images.shape[-1]
    smallest, largest = config.erase_scale
    selected = random.per_image() < config.erase
    area = (smallest + (largest - smallest) * random.per_image()) * side * side
    widest, tallest = config.erase_ratio
    ratio = torch.exp(math.log(widest) + math.log(tallest / widest) * random.per_image())
    height = torch.sqrt(area * ratio).round().clamp(1, side - 1)
    width = torch.sqrt(area / ratio).round().clamp(1, side - 1)
    top = (random.per_image() * (side - height + 1)).floor()
    left = (random.per_image() * (side - width + 1)).floor()
    # only the corners go to the device: masks are S * S times as large
    rectangles = torch.stack((top, top + height, left, left + width, selected.float()), dim=1)  # [B, 5]
    top, bottom, left, right, chosen = to_device(rectangles, images.device).unsqueeze(2).unbind(1)  # [B, 1] each
    index = torch.arange(side, device=images.device)
    rows, columns = (index >= top) & (index < bottom) & (chosen > 0), (index >= left) & (index < right)  # [B, S] each
    return images.masked_fill((rows[:, :, None] & columns[:, None, :]).unsqueeze(1), 0.0)
