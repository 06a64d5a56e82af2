"""cunjian/pytorch_face_landmark's MobileFaceNet (68 points) to our landmark backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.weights.foreign.conversion import Conversion, Rules, check_complete, rename
from fercli.weights.foreign.pickled import read_pickled_state

if TYPE_CHECKING:
    from torch import Tensor

    from fercli.models.mobilefacenet import LandmarkNet

_LAYER = {"conv": "0", "bn": "1", "prelu": "2"}
_UNIT = {"conv": "expand", "conv_dw": "depthwise", "project": "project"}
_LEVEL = {"low": ("conv_23", "conv_3"), "middle": ("conv_34", "conv_4"), "high": ("conv_45", "conv_5")}


def mobilefacenet_rules() -> Rules:
    """Their names to ours, without the prefix of the network they stand in."""
    rules = []
    for theirs, ours in (("conv1", "conv1"), ("conv2_dw", "conv2"), ("conv_6_sep", "high.3")):
        rules += [(rf"{theirs}\.{layer}\.(\w+)", rf"{ours}.{place}.\1") for layer, place in _LAYER.items()]
    for level, (first, rest) in _LEVEL.items():
        for unit, ours in _UNIT.items():
            for layer, place in _LAYER.items():
                rules.append((rf"{first}\.{unit}\.{layer}\.(\w+)", rf"{level}.0.{ours}.{place}.\1"))
                for block in range(6):
                    old = rf"{rest}\.model\.{block}\.{unit}\.{layer}\.(\w+)"
                    rules.append((old, rf"{level}.{block + 1}.{ours}.{place}.\1"))
    return rules


def convert_mobilefacenet(theirs: Mapping[str, Tensor]) -> Conversion:
    """The trunk under `landmark_backbone.*`; its head of 136 outputs is dropped."""
    return rename(
        theirs,
        source="mobilefacenet",
        part="landmark_backbone",
        renames=[(old, f"landmark_backbone.{new}") for old, new in mobilefacenet_rules()],
        drops=[(r"output_layer\..*", "head for 68 points, which BTN does not compute")],
    )


def load_landmark_net(path: Path) -> LandmarkNet:
    """The whole network with its head, 112 px RGB in 0..1 to 68 points, in evaluation mode; WeightsError otherwise."""
    from fercli.models.mobilefacenet import LandmarkNet

    head = {r"conv_6_dw\.conv": "pool.0", r"conv_6_dw\.bn": "pool.1", "linear": "points", "bn": "norm"}
    conversion = rename(
        read_pickled_state(path),
        source="mobilefacenet",
        part=None,
        renames=[(old, f"trunk.{new}") for old, new in mobilefacenet_rules()]
        + [(rf"output_layer\.{theirs}\.(\w+)", rf"{ours}.\1") for theirs, ours in head.items()],
        drops=[],
    )
    net = LandmarkNet()
    check_complete(conversion, net.state_dict(), where=str(path))
    net.load_state_dict(dict(conversion.state))
    return net.eval()
