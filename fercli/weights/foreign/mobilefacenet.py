"""MobileFaceNet (68 points) of cunjian/pytorch_face_landmark: a landmark backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.weights.foreign.conversion import Conversion, Rules, check_complete, rename
from fercli.weights.foreign.format import ForeignFormat, preset_config
from fercli.weights.foreign.pickled import read_pickled_state

if TYPE_CHECKING:
    from torch import Tensor

    from fercli.models.mobilefacenet import LandmarkNet

_LAYER = {"conv": "0", "bn": "1", "prelu": "2"}
_UNIT = {"conv": "expand", "conv_dw": "depthwise", "project": "project"}
_LEVEL = {"low": ("conv_23", "conv_3"), "middle": ("conv_34", "conv_4"), "high": ("conv_45", "conv_5")}


def mobilefacenet_rules() -> Rules:
    """Return the rules to rename the tensors, without the prefix of the network that contains them."""
    rules = []
    for old, new in (("conv1", "conv1"), ("conv2_dw", "conv2"), ("conv_6_sep", "high.3")):
        rules += [(rf"{old}\.{layer}\.(\w+)", rf"{new}.{index}.\1") for layer, index in _LAYER.items()]
    for level, (first, rest) in _LEVEL.items():
        for old_unit, unit in _UNIT.items():
            for layer, index in _LAYER.items():
                rules.append((rf"{first}\.{old_unit}\.{layer}\.(\w+)", rf"{level}.0.{unit}.{index}.\1"))
                for block in range(6):
                    old = rf"{rest}\.model\.{block}\.{old_unit}\.{layer}\.(\w+)"
                    rules.append((old, rf"{level}.{block + 1}.{unit}.{index}.\1"))
    return rules


def convert_mobilefacenet(source: Mapping[str, Tensor]) -> Conversion:
    """Rename the trunk to `landmark_backbone.*`; drop the head of 136 outputs."""
    return rename(
        source,
        renames=[(old, f"landmark_backbone.{new}") for old, new in mobilefacenet_rules()],
        drops=[(r"output_layer\..*", "head for 68 points, which BTN does not compute")],
    )


def load_landmark_net(path: Path) -> LandmarkNet:
    """Load the whole network with its head, in evaluation mode: RGB of 112 px in 0..1 to 68 points. Raises: WeightsError."""
    from fercli.models.mobilefacenet import LandmarkNet

    head = {r"conv_6_dw\.conv": "pool.0", r"conv_6_dw\.bn": "pool.1", "linear": "points", "bn": "norm"}
    conversion = rename(
        read_pickled_state(path),
        renames=[(old, f"trunk.{new}") for old, new in mobilefacenet_rules()]
        + [(rf"output_layer\.{old}\.(\w+)", rf"{new}.\1") for old, new in head.items()],
        drops=[],
    )
    net = LandmarkNet()
    check_complete(
        conversion,
        net.state_dict(),
        title=MOBILEFACENET.title,
        where=str(path),
        fix="download the published file again",
    )
    net.load_state_dict(dict(conversion.state))
    return net.eval()


MOBILEFACENET = ForeignFormat(
    name="mobilefacenet",
    title="MobileFaceNet (68 points)",
    origin="cunjian/pytorch_face_landmark (no licence stated)",
    part="landmark_backbone",
    config=preset_config("btn-base"),
    convert=convert_mobilefacenet,
    signature_keys=("conv2_dw.conv.weight",),
)
