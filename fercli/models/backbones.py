"""Image backbones by name. To add one, add a file to this folder and an entry to IMAGE_BACKBONES."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from fercli.config.model import ImageBackboneConfig
from fercli.errors import UsageError
from fercli.models.face_resnet import FaceResNet
from fercli.models.ir50 import IRBackbone

# Each maps images [B, 3, S, S] to three maps of config.widths channels, every map half as wide as the one before, and states
# in `tap_stride` the stride from its maps to the levels: level 1 has S / BtnConfig.level_stride pixels on a side.
IMAGE_BACKBONES: dict[str, Callable[[ImageBackboneConfig], nn.Module]] = {
    "ir": IRBackbone,
    "face_resnet": FaceResNet,
}


def image_backbone(config: ImageBackboneConfig) -> nn.Module:
    """Build the image backbone named by `config.kind` with random weights; UsageError lists the known names."""
    if config.kind not in IMAGE_BACKBONES:
        known = ", ".join(IMAGE_BACKBONES)
        raise UsageError(f"unknown image backbone {config.kind!r}", fix=f"--set image.kind=NAME, one of {known}")
    return IMAGE_BACKBONES[config.kind](config)
