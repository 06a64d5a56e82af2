"""POSTER_V2, the public baseline of BTN (PosterV2_7cls and PosterV2_8cls): a whole model for inference."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fercli.weights.foreign.conversion import Conversion, Rules, rename
from fercli.weights.foreign.format import ForeignFormat
from fercli.weights.foreign.ir50 import ir50_rules
from fercli.weights.foreign.mobilefacenet import mobilefacenet_rules

if TYPE_CHECKING:
    from torch import Tensor

    from fercli.config.model import BtnConfig

_VIT: Rules = (
    (r"VIT\.(cls_token|pos_embed)", r"vit.\1"),
    (r"VIT\.norm\.(\w+)", r"vit.norm.\1"),
    (r"VIT\.se_block\.(linear[12]\.\w+)", r"vit.gate.\1"),
    (r"VIT\.head\.linear\.(\w+)", r"vit.head.\1"),
    (r"VIT\.blocks\.(\d)\.(norm[12]\.\w+)", r"vit.blocks.\1.\2"),
    (r"VIT\.blocks\.(\d)\.attn\.(qkv|proj)\.(\w+)", r"vit.blocks.\1.attention.\2.\3"),
    (r"VIT\.blocks\.(\d)\.mlp\.fc1\.(\w+)", r"vit.blocks.\1.mlp.0.\2"),
    (r"VIT\.blocks\.(\d)\.mlp\.fc2\.(\w+)", r"vit.blocks.\1.mlp.2.\2"),
)
_DROPS: Rules = (
    (r"VIT\.(patch_embed|eca_block|CON1|IRLinear1|IRLinear2)\..*", "never used by POSTER_V2's forward"),
    (r"VIT\.blocks\.\d\.conv\..*", "never used by POSTER_V2's forward"),
    (r"ir_back\.output_layer\..*", "face-recognition head"),
    (r"face_landback\.output_layer\..*", "head for 68 points, which BTN does not compute"),
    (r"attn\d\.relative_position_index", "computed from the map's size"),
    (r"(.*\.)?total_(ops|params)", "counters of a profiler"),
)


def convert_poster_v2(source: Mapping[str, Tensor]) -> Conversion:
    """Rename every tensor that POSTER_V2's forward uses."""
    return rename(source, renames=_rules(), drops=_DROPS)


def poster_v2_config() -> BtnConfig:
    """Return the configuration of btn-base as POSTER_V2 runs it: its landmark branch was trained on normalised images."""
    from fercli.config.presets import model_preset

    base = model_preset("btn-base")
    return dataclasses.replace(base, landmark=dataclasses.replace(base.landmark, input="imagenet"))


def _rules() -> Rules:
    rules = [(rf"ir_back\.{old}", f"image_backbone.{new}") for old, new in ir50_rules()]
    rules += [(rf"face_landback\.{old}", f"landmark_backbone.{new}") for old, new in mobilefacenet_rules()]
    rules += _VIT
    rules += [(r"last_face_conv\.(\w+)", r"landmark_convs.2.\1")]
    rules += [(r"embed_q\.([01]\.\w+)", r"embed_low.\1"), (r"embed_k\.0\.(\w+)", r"embed_middle.\1")]
    rules += [(r"embed_v\.proj\.(\w+)", r"embed_high.\1")]
    for level in range(3):
        number, cross = level + 1, f"cross.{level}"
        rules += [
            (rf"conv{number}\.(\w+)", rf"tap_convs.{level}.\1"),
            (rf"window{number}\.norm\.(\w+)", rf"{cross}.norm_kv.\1"),
            (rf"attn{number}\.qkv\.(\w+)", rf"{cross}.attention.kv.\1"),
            (rf"attn{number}\.proj\.(\w+)", rf"{cross}.attention.proj.\1"),
            (rf"attn{number}\.relative_position_bias_table", f"{cross}.attention.bias_table"),
            (rf"ffn{number}\.(gamma[12])", rf"{cross}.\1"),
            (rf"ffn{number}\.norm\.(\w+)", rf"{cross}.norm_ffn.\1"),
            (rf"ffn{number}\.mlp\.fc1\.(\w+)", rf"{cross}.ffn.0.\1"),
            (rf"ffn{number}\.mlp\.fc2\.(\w+)", rf"{cross}.ffn.2.\1"),
        ]
    return rules


POSTER_V2 = ForeignFormat(
    name="poster_v2",
    title="POSTER_V2",
    origin="POSTER++ (code MIT; weights derive from MS-Celeb-1M and the data set, research use)",
    licence="POSTER_V2's code: MIT; its weights derive from MS-Celeb-1M, RAF-DB and AffectNet: research use",
    part=None,
    config=poster_v2_config,
    convert=convert_poster_v2,
    signature_keys=("ir_back.input_layer.0.weight",),
)
