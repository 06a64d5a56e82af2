"""face.evoLVe's IR50 (`body.0` to `.23`) or POSTER_V2's re-keyed one (`body1` to `body3`) to our image backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fercli.weights.foreign.conversion import Conversion, Rules, rename

if TYPE_CHECKING:
    from torch import Tensor

_FIRST = (0, 3, 7, 21)  # numbers of the blocks where a stage begins in face.evoLVe's `body`


def ir50_rules() -> Rules:
    """Their names to ours, without the prefix of the network they stand in."""
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


def convert_ir50(theirs: Mapping[str, Tensor]) -> Conversion:
    """Stem and three stages under `image_backbone.*`; the fourth stage and the face-recognition head are dropped."""
    return rename(
        theirs,
        source="ir50",
        part="image_backbone",
        renames=[(old, f"image_backbone.{new}") for old, new in ir50_rules()],
        drops=[
            (r"body\.2[123]\..*|body4\..*", "fourth stage, which BTN does not use"),
            (r"output_layer\..*", "face-recognition head"),
        ],
    )
