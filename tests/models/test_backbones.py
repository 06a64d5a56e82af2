"""Image backbones: the registry, and the sides and widths that each promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fercli.config.model import ImageBackboneConfig
from fercli.config.presets import MODELS
from fercli.errors import UsageError
from fercli.models.backbones import IMAGE_BACKBONES, image_backbone
from fercli.models.btn import BTN

TINY = MODELS["btn-tiny"]


class ToyBackbone(nn.Module):
    """Three strided convolutions: maps at S/4, S/8 and S/16."""

    tap_stride = 1

    def __init__(self, config: ImageBackboneConfig) -> None:
        super().__init__()
        channels = (3, *config.widths)
        strides = (4, 2, 2)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, 1)
            for before, after, stride in zip(channels, channels[1:], strides, strict=False)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        low = self.convs[0](x)
        middle = self.convs[1](low)
        return low, middle, self.convs[2](middle)


def test_image_backbones__a_further_one_is_one_entry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(IMAGE_BACKBONES, "toy", ToyBackbone)
    model = BTN(replace(TINY, image=replace(TINY.image, kind="toy")), 7)
    assert isinstance(model.image_backbone, ToyBackbone)
    output = model.forward_batch(torch.randn(2, 3, 48, 48))
    assert output.p_bt is not None
    assert output.p_vit.shape == output.p_bt.shape == (2, 7)


def test_image_backbone__unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="unknown image backbone 'vgg'") as caught:
        image_backbone(ImageBackboneConfig(kind="vgg"))
    assert "ir, face_resnet" in caught.value.fix


@pytest.mark.parametrize(
    ("side", "config", "shapes"),
    [
        # IR50 at 112 px, as POSTER++ cuts it: halves, quarters, eighths
        (112, ImageBackboneConfig(), [(64, 56, 56), (128, 28, 28), (256, 14, 14)]),
        # dlib's 29-layer network: the stem gives a quarter of the side, then every stage halves
        (96, MODELS["btn-compact"].image, [(64, 12, 12), (128, 6, 6), (256, 3, 3)]),
        # without entry blocks the first stage keeps the stem's side
        (96, replace(MODELS["btn-compact"].image, stem=64, entry=0), [(64, 24, 24), (128, 12, 12), (256, 6, 6)]),
    ],
    ids=["ir", "face_resnet", "face_resnet without entry blocks"],
)
def test_image_backbone__maps_have_the_published_sides(
    side: int, config: ImageBackboneConfig, shapes: list[tuple[int, ...]]
):
    with torch.device("meta"):
        maps = image_backbone(config).eval()(torch.empty(1, 3, side, side))
    assert [tuple(each.shape[1:]) for each in maps] == shapes
