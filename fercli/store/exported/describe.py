"""A graph, its card and its proof in; the doc string and the metadata that let a stranger use the file out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fercli import __version__
from fercli.core.card import WeightsCard
from fercli.store.exported.halves import Halves
from fercli.store.exported.parity import Parity
from fercli.store.exported.precision import Precision
from fercli.store.exported.preprocessing import Preprocessing
from fercli.store.onnx import CROPS, INPUT, OUTPUT, POINTS, PROBABILITIES, Interface

_STORED: dict[Precision, str] = {"fp32": "float32", "fp16": "float16", "int8": "int8"}


def describe(
    graph: Any,
    card: WeightsCard,
    parity: Parity,
    *,
    interface: Interface,
    precision: Precision,
    halves: Halves | None,
    preprocessing: Preprocessing | None,
) -> None:
    """Write who made the file, how it is used, its card, its proof and how it computes into the ONNX metadata."""
    import onnx

    graph.producer_name, graph.producer_version = "fercli", __version__
    graph.doc_string = (
        f"{card.name} {card.version}: facial expression of one face.\n"
        + _given(card, interface)
        + f"{OUTPUT}: float32 [batch, {len(card.labels)}], in the order {', '.join(card.labels)}. "
        f"Probabilities are softmax({OUTPUT} / {card.temperature:g})."
    )
    stored = {"as": "float16", **asdict(halves)} if halves is not None else {"as": _STORED[precision]}
    facts: dict[str, Any] = {"parity": asdict(parity), "stored": stored}
    if preprocessing is not None:
        facts["preprocessing"] = asdict(preprocessing)
    properties = {name: json.dumps(fact, sort_keys=True) for name, fact in facts.items()}
    stated = {"card": card.to_json(), "interface": interface, "precision": precision}
    onnx.helper.set_model_props(graph, {**stated, **properties})


def _given(card: WeightsCard, interface: Interface) -> str:
    model = card.model.input
    points = ", ".join(f"({x:.4f}, {y:.4f})" for x, y in card.crop.points)
    aligned = f"eyes, nose and mouth corners lie at {points} (fractions of the side)"
    if interface == "images":
        grey = "make it grey (0.299 R + 0.587 G + 0.114 B) in all three channels, " if model.colour == "grey" else ""
        return (
            f"{INPUT}: float32 [batch, 3, {model.size}, {model.size}]. RGB crop of {model.size} x {model.size} px whose "
            f"{aligned}; divide by 255, {grey}subtract {list(model.mean)}, divide by {list(model.std)} per channel.\n"
        )
    answer = (
        f"{PROBABILITIES}: float32 [batch, {len(card.labels)}], calibrated, rows sum to 1; what most programs want.\n"
    )
    if interface == "crops":
        return f"{CROPS}: uint8 [batch, height, width, 3], RGB, any size, of faces whose {aligned}.\n" + answer
    return (
        f"{CROPS}: uint8 [batch, height, width, 3], RGB, any size, with one face each.\n"
        f"{POINTS}: float32 [batch, 5, 2], x and y in pixels of the eyes (the left one in the picture first), the nose and "
        "the mouth corners (left first); (0, 0) is the corner of the first pixel.\n" + answer
    )
