"""IR50 of face.evoLVe (`body.0` to `.23`) or as POSTER_V2 renames it (`body1` to `body3`): an image backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fercli.weights.foreign.conversion import Conversion, Rules, rename
from fercli.weights.foreign.format import ForeignFormat, preset_config

if TYPE_CHECKING:
    from torch import Tensor

_FIRST = (0, 3, 7, 21)  # index of the first block of every stage in face.evoLVe's `body`


def ir50_rules() -> Rules:
    """Return the rules to rename the tensors, without the prefix of the network that contains them."""
    rules = [(r"input_layer\.(\d\.\w+)", r"stem.\1")]
    for stage in range(3):
        flat = [
            (rf"body\.{number}\.", f"stages.{stage}.{number - _FIRST[stage]}.")
            for number in range(_FIRST[stage], _FIRST[stage + 1])
        ]
        for old, new in [(rf"body{stage + 1}\.(\d+)\.", rf"stages.{stage}.\1."), *flat]:
            last = r"\2" if r"\1" in new else r"\1"
            rules.append((rf"{old}res_layer\.(\d\.\w+)", f"{new}residual.{last}"))
            rules.append((rf"{old}shortcut_layer\.(\d\.\w+)", f"{new}shortcut.{last}"))
    return rules


def convert_ir50(source: Mapping[str, Tensor]) -> Conversion:
    """Rename stem and three stages to `image_backbone.*`; drop the fourth stage and the face-recognition head."""
    return rename(
        source,
        renames=[(old, f"image_backbone.{new}") for old, new in ir50_rules()],
        drops=[
            (r"body\.2[123]\..*|body4\..*", "fourth stage, which BTN does not use"),
            (r"output_layer\..*", "face-recognition head"),
        ],
    )


IR50 = ForeignFormat(
    name="ir50",
    title="face.evoLVe's IR50",
    origin="face.evoLVe (code MIT; weights derive from MS-Celeb-1M, research use)",
    part="image_backbone",
    config=preset_config("btn-base"),
    convert=convert_ir50,
    signature_keys=("body.0.res_layer.1.weight", "body1.0.res_layer.1.weight"),
)
