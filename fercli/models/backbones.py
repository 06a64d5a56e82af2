"""Image backbones by name. To add one, add a file to this folder and an entry to IMAGE_BACKBONES, or install a package
with an entry point of the group `fercli.image_backbones`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from fercli.config.model import ImageBackboneConfig
from fercli.errors import UsageError
from fercli.models.face_resnet import FaceResNet
from fercli.models.ir50 import IRBackbone
from fercli.system.plugins import Group, load_plugin, plugin_names

# Each maps images [B, 3, S, S] to three maps of config.widths channels, every map half as wide as the one before, and states
# in `tap_stride` the stride from its maps to the levels: level 1 has S / BtnConfig.level_stride pixels on a side.
IMAGE_BACKBONES: dict[str, Callable[[ImageBackboneConfig], nn.Module]] = {
    "ir": IRBackbone,
    "face_resnet": FaceResNet,
}


_PLUGINS: Group = "fercli.image_backbones"


def image_backbone(config: ImageBackboneConfig) -> nn.Module:
    """Build the image backbone named by `config.kind`, ours or an installed package's, with random weights.

    Raises: UsageError with the known names.
    """
    if config.kind in IMAGE_BACKBONES:
        return IMAGE_BACKBONES[config.kind](config)
    installed = plugin_names(_PLUGINS)
    if config.kind in installed:
        build: Callable[[ImageBackboneConfig], nn.Module] = load_plugin(_PLUGINS, config.kind)
        return build(config)
    known = ", ".join((*IMAGE_BACKBONES, *installed))
    raise UsageError(f"unknown image backbone {config.kind!r}", fix=f"--set image.kind=NAME, one of {known}")
