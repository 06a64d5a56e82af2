"""Doc string and metadata of an exported ONNX file: all that is needed to use it without this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fercli import __version__
from fercli.export.float16_storage import Float16Storage
from fercli.export.parity import Parity
from fercli.export.precision import Precision
from fercli.export.preprocessing_parity import PreprocessingParity
from fercli.weights.card import WeightsCard
from fercli.weights.conventions import MEANINGS
from fercli.weights.onnx_interface import CROPS, EXPERT, INPUT, OUTPUT, POINTS, PROBABILITIES, Interface, output_of

_SIMILARITY = (
    "With p the five points in the picture and q the template's times the crop's side, both (x, y) in pixels, their means "
    "P and Q, d = p - P, e = q - Q and sums over the points: a = sum(dx ex + dy ey) / sum(dx dx + dy dy), "
    "b = sum(dx ey - dy ex) / sum(dx dx + dy dy), and (x, y) of the picture goes to "
    "(Qx + a (x - Px) - b (y - Py), Qy + b (x - Px) + a (y - Py)) of the crop"
)
_STORED: dict[Precision, str] = {"fp32": "float32", "fp16": "float16", "int8": "int8"}


def write_metadata(
    graph: Any,
    card: WeightsCard,
    parity: Parity,
    *,
    interface: Interface,
    precision: Precision,
    float16_storage: Float16Storage | None,
    preprocessing: PreprocessingParity | None,
    check: Mapping[str, Any],
) -> None:
    """Write producer, usage, card, comparison results and precision into an onnx.ModelProto.

    check: the result of `self_check`. Every key of the metadata is explained in the doc string.
    """
    import onnx

    graph.producer_name, graph.producer_version = "fercli", __version__
    graph.doc_string = (
        f"{card.name} {card.version}: facial expression of one face.\n"
        + _inputs(card, interface)
        + f"{OUTPUT}: float32 [batch, {len(card.labels)}], in the order {', '.join(card.labels)}. "
        f"Probabilities are softmax({OUTPUT} / {card.temperature:g}).\n"
        + _conventions(card, interface)
        + _metadata_keys(card, interface)
    )
    stored = {"as": _STORED[precision]}
    if float16_storage is not None:
        stored = {"as": "float16", **asdict(float16_storage)}
    rounded = precision != "fp32" or float16_storage is not None
    stored["scores"] = f"the card's scores are of float32 weights{', before they were rounded' if rounded else ''}"
    facts: dict[str, Any] = {"parity": asdict(parity), "stored": stored, "check": dict(check)}
    if preprocessing is not None:
        facts["preprocessing"] = asdict(preprocessing)
    properties = {name: json.dumps(fact, sort_keys=True) for name, fact in facts.items()}
    stated = {"card": card.to_json(), "interface": interface, "precision": precision}
    onnx.helper.set_model_props(graph, {**stated, **properties})


def _conventions(card: WeightsCard, interface: Interface) -> str:
    """Describe the outputs of the label conventions; empty for a model without them."""
    if card.convention is None:
        return ""
    meaning = MEANINGS.get(card.convention)
    text = f"{OUTPUT} follow the label convention {card.convention}{f': {meaning}' if meaning else ''}.\n"
    for other in card.conventions:
        name, meaning = output_of(OUTPUT, other.name), MEANINGS.get(other.name)
        text += f"{name}: the same for the convention {other.name}{f', {meaning}' if meaning else ''}"
        text += f"; softmax({name} / {other.temperature:g})"
        text += "" if interface == "images" else f" is {output_of(PROBABILITIES, other.name)}"
        text += ".\n"
    if card.skips_expert and any(not card.for_convention(other.name).skips_expert for other in card.conventions):
        text += (
            f"{EXPERT}: bool, optional, true unless given: false skips the frozen expert, which not all outputs use; those "
            "that do are then NaN.\n"
        )
    return text


def _metadata_keys(card: WeightsCard, interface: Interface) -> str:
    picture = "normalised but not aligned" if interface == "images" else "as it is"
    return (
        "Metadata, JSON but for interface, precision and digest:\n"
        "card: labels in order, preprocessing, origin, scores. A top probability under its abstain_below, "
        f"{card.abstain_below:g}, means that the face is not clear enough to be named.\n"
        "interface: what goes in. precision: what the network computes in.\n"
        "stored: how weights are kept, how many tensors are rounded, the largest change of one relative to its size, and "
        "which weights the scores are of.\n"
        "parity: how far logits are from those of the float32 model in torch, on how many distinct images, in which "
        "batches; translation is the part that is not rounding; the share of images with the same top class, and that "
        "share with near-ties let pass.\n"
        "preprocessing, where it is inside: how far probabilities of whole pictures, alone and several in a batch, are from "
        "fer's own; agreement as in parity.\n"
        f"check: to try a runtime, give the file this picture, {picture}, and compare its logits; a difference over tolerance "
        "means that something is done in another way.\n"
        "digest: SHA-256 of this file but for its metadata, and of card, interface and precision: fer compares it when it "
        "loads the file. Remove it if you change the file on purpose."
    )


def _inputs(card: WeightsCard, interface: Interface) -> str:
    model = card.model.input
    points = ", ".join(f"({x:.4f}, {y:.4f})" for x, y in card.crop.points)
    aligned = (
        "five points, the eyes (the left one in the picture first), the nose and the mouth corners (left first), lie at "
        f"{points}: x and y as fractions of the side, (0, 0) the corner of the first pixel"
    )
    warp = (
        f"Turn, scale and shift each face so that they lie there: of all similarities without mirroring, the one that takes "
        f"the picture's points to the template's with the least sum of squared distances in the crop's pixels. {_SIMILARITY}. "
        "Sample bilinearly, average pixels where the picture shrinks, repeat its border outside"
    )
    if interface == "images":
        grey = "make it grey (0.299 R + 0.587 G + 0.114 B) in all three channels, " if model.colour == "grey" else ""
        return (
            f"{INPUT}: float32 [batch, 3, {model.size}, {model.size}]. RGB crop of {model.size} x {model.size} px whose "
            f"{aligned}. {warp}. Divide by 255, {grey}subtract {list(model.mean)}, divide by {list(model.std)} per channel.\n"
        )
    probabilities = (
        f"{PROBABILITIES}: float32 [batch, {len(card.labels)}], calibrated, rows sum to 1; what most programs want.\n"
    )
    if interface == "crops":
        return (
            f"{CROPS}: uint8 [batch, height, width, 3], RGB, any size, of faces whose {aligned}. {warp}. "
            "A crop that is not square is shown whole and centred, and its border repeated.\n" + probabilities
        )
    return (
        f"{CROPS}: uint8 [batch, height, width, 3], RGB, any size, with one face each.\n"
        f"{POINTS}: float32 [batch, 5, 2], x and y in pixels of the eyes (the left one in the picture first), the nose and "
        "the mouth corners (left first); (0, 0) is the corner of the first pixel.\n" + probabilities
    )
