"""Degradations of face crops: occlusion, low resolution, darkness, blur, JPEG compression, crop jitter.

Every kind is applied to the crop as it is on disk, before it is resized for the network. Random values (the position of an
occlusion, the direction of a shift, sensor noise) depend on the seed only, so that an image has the same occlusion, only
larger, at the next severity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from fercli.errors import UsageError
from fercli.media.images import Rgb

Kind = Literal["occlusion", "lowres", "dark", "blur", "jpeg", "crop-jitter"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ALL = "all"

_READ_NOISE = 2.0  # grey levels; sensor noise does not decrease with the light


@dataclass(frozen=True)
class Degradation:
    """One kind of degradation. severities: from mild to severe, in `unit`."""

    kind: Kind
    severities: tuple[float, ...]
    unit: str
    apply: Callable[[Rgb, float, np.random.Generator], Rgb]


def degrade(rgb: Rgb, kind: Kind, severity: float, *, seed: int) -> Rgb:
    """Degrade a crop: uint8 [H, W, 3] of the same size; `severity` in the unit of DEGRADATIONS[kind]."""
    return DEGRADATIONS[kind].apply(rgb, severity, np.random.default_rng(seed))


def kinds_of(names: Sequence[str]) -> tuple[Kind, ...]:
    """Parse names of kinds, `all` for every one; UsageError lists the known ones."""
    for name in names:
        if name not in (*KINDS, ALL):
            raise UsageError(f"unknown degradation {name!r}", fix=f"known: {', '.join(KINDS)}, {ALL}")
    return tuple(kind for kind in KINDS if kind in names or ALL in names)


def _occlude(rgb: Rgb, share: float, random: np.random.Generator) -> Rgb:
    """Cover `share` of the picture's area with a mid-grey square at a random position."""
    height, width = rgb.shape[:2]
    side = math.sqrt(share * height * width)
    tall, wide = min(height, round(side)), min(width, round(side))
    top, left = (round(random.random() * room) for room in (height - tall, width - wide))
    covered = rgb.copy()
    covered[top : top + tall, left : left + wide] = 128
    return covered


def _lowres(rgb: Rgb, pixels: float, random: np.random.Generator) -> Rgb:  # noqa: ARG001 - not random
    """Downscale to `pixels` on the longer side and enlarge again; a picture that is not larger is returned unchanged."""
    height, width = rgb.shape[:2]
    scale = pixels / max(height, width)
    if scale >= 1:
        return rgb
    small_wh = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, small_wh, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _darken(rgb: Rgb, light: float, random: np.random.Generator) -> Rgb:
    """Scale the brightness by `light`, add sensor noise, round to whole grey levels."""
    noise = random.normal(0, _READ_NOISE, rgb.shape[:2])[..., None]  # the same in all channels: grey stays grey
    return (rgb * light + noise).round().clip(0, 255).astype(np.uint8)


def _blur(rgb: Rgb, share: float, random: np.random.Generator) -> Rgb:  # noqa: ARG001
    """Blur with a Gaussian whose standard deviation is `share` of the longer side."""
    return cv2.GaussianBlur(rgb, (0, 0), share * max(rgb.shape[:2]), borderType=cv2.BORDER_REPLICATE)


def _compress(rgb: Rgb, quality: float, random: np.random.Generator) -> Rgb:  # noqa: ARG001
    """Compress as JPEG of `quality`."""
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    done, content = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise UsageError(f"could not write a JPEG of quality {quality}", fix="a quality from 1 to 100")
    return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _jitter(rgb: Rgb, share: float, random: np.random.Generator) -> Rgb:
    """Shift by `share` of the side in a random direction, zoom by up to 1 +- share, rotate by up to share * 90 degrees."""
    height, width = rgb.shape[:2]
    direction, zoom, turn = random.random() * 2 * math.pi, random.uniform(-1, 1), random.uniform(-1, 1)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn * share * 90, 1 + zoom * share)
    matrix[:, 2] += share * width * math.cos(direction), share * height * math.sin(direction)
    return cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


DEGRADATIONS: dict[Kind, Degradation] = {
    item.kind: item
    for item in (
        Degradation("occlusion", (0.05, 0.1, 0.2, 0.3, 0.4), "of the area", _occlude),
        Degradation("lowres", (40, 28, 20, 14, 10), "px", _lowres),
        Degradation("dark", (0.5, 0.25, 0.12, 0.06, 0.03), "of the light", _darken),
        Degradation("blur", (0.01, 0.02, 0.03, 0.045, 0.06), "of the side", _blur),
        Degradation("jpeg", (60, 30, 15, 8, 4), "JPEG quality", _compress),
        Degradation("crop-jitter", (0.03, 0.06, 0.1, 0.15, 0.2), "of the side", _jitter),
    )
}
