"""Make a weights file with label conventions from a state with three heads and face-api.js's expression network.

    python weights/default/build.py last.pt --card card.json --expert faceapi_expression.onnx --out built.safetensors \
        --mixed votes=1,owner=0.5 --perceived votes=1 --posed owner=1,expert=0.3

Each convention is a mixture of the heads `votes`, `owner` and `posed`, and of the expert: weights of log probabilities. `mixed`
is the default output. Contempt, which the expert does not know, gets the mean of its log probabilities. --card has the text
fields of the card (name, version, licence, notes, data, provenance). --crop-side is the side of the crop that faces are aligned
to, in sides of the template `fer2013`. --votes-bias is added to the logits of single classes of the head `votes`, before the heads
are mixed. `fer calibrate --convention NAME` then fits the temperatures.

Letters: N classes, E = 7 classes of the expert, W width of the class token.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from heads import CLASSES, CONTEMPT, HEADS
from onnx import numpy_helper
from torch import Tensor

from fercli.config.model import DEFAULT_HEAD_NAME, BtnConfig, ExpertConfig
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.models.btn import BTN
from fercli.models.expression_network import CLASSES as EXPERT_CLASSES
from fercli.models.expression_network import ExpressionNetwork
from fercli.weights.card import WeightsCard
from fercli.weights.conventions import Convention, fold_heads, head_key
from fercli.weights.files import check_keys, save_weights

CONVENTIONS = ("mixed", "perceived", "posed")  # the first is the default
ABSTAIN_BELOW = 0.5
EXPERT = "expert"

Mixture = dict[str, float]


def mixture(text: str) -> Mixture:
    """`votes=1,owner=0.5` -> {"votes": 1.0, "owner": 0.5}."""
    return {name: float(value) for name, value in (item.split("=") for item in text.split(","))}


def with_votes_bias(state: Mapping[str, Tensor], bias: Mixture) -> dict[str, Tensor]:
    """The state with the bias of single classes of the head `votes` changed by so much."""
    changed = state["net.vit.head.bias"].float().clone()
    first = HEADS.index("votes") * len(CLASSES)
    for name, value in bias.items():
        changed[first + CLASSES.index(name)] += value
    return {**state, "net.vit.head.bias": changed}


def folded(state: Mapping[str, Tensor], parts: Mixture) -> tuple[Tensor, Tensor]:
    """The linear head of a mixture, weight [N, W] and bias [N], scaled so that the weights of the heads add up to 1."""
    weight, bias = state["net.vit.head.weight"].float(), state["net.vit.head.bias"].float()
    own: dict[str, Tensor] = {}
    for name, rows in zip(HEADS, torch.arange(len(weight)).chunk(len(HEADS)), strict=True):
        own[f"{name}.weight"], own[f"{name}.bias"] = weight[rows], bias[rows]
    total = total_weight(parts)
    return fold_heads(own, {name: share / total for name, share in parts.items() if name != EXPERT})


def total_weight(parts: Mixture) -> float:
    return sum(share for name, share in parts.items() if name != EXPERT)


def expert_map(share: float) -> Tensor:
    """[N, E]: `share` times each class's own log probability; contempt gets the mean of all."""
    matrix = torch.zeros(len(CLASSES), len(EXPERT_CLASSES))
    for column, name in enumerate(EXPERT_CLASSES):
        matrix[CLASSES.index(name), column] = share
    matrix[CONTEMPT] = share / len(EXPERT_CLASSES)
    return matrix


def prior_of(parts: Mixture, shares: Tensor) -> dict[str, float]:
    """Class shares that a mixture assumes: those of the votes to the power of their weight, equal shares elsewhere."""
    power = parts.get("votes", 0.0) / total_weight(parts)
    raised = shares.double() ** power
    return dict(zip(CLASSES, (raised / raised.sum()).tolist(), strict=True))


def expression_network(path: Path) -> ExpressionNetwork:
    """face-api.js's network from its ONNX file: convolutions in order, `fc_weights`, `fc_bias`, mean and scale of the input."""
    graph = onnx.load(str(path)).graph
    values = {each.name: torch.tensor(numpy_helper.to_array(each)) for each in graph.initializer}
    values |= {
        node.output[0]: torch.tensor(numpy_helper.to_array(node.attribute[0].t))
        for node in graph.node
        if node.op_type == "Constant"
    }
    first = {kind: next(node for node in graph.node if node.op_type == kind) for kind in ("Sub", "Div")}
    network = ExpressionNetwork()
    pairs = zip(network.depthwise, network.pointwise, strict=True)
    layers = [network.first, *(layer for pair in pairs for layer in pair)]
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    with torch.no_grad():
        for node, layer in zip(convolutions, layers, strict=True):
            layer.weight.copy_(values[node.input[1]])
            if layer.bias is not None:
                layer.bias.copy_(values[node.input[2]])
        network.head.weight.copy_(values["fc_weights"].T)
        network.head.bias.copy_(values["fc_bias"])
        network.mean.copy_(values[first["Sub"].input[1]].view(1, -1, 1, 1).expand(1, 3, 1, 1))
        network.scale.copy_(values[first["Div"].input[1]].view(1, -1, 1, 1).expand(1, 3, 1, 1))
    return network


def config_of(mixtures: Mapping[str, Mixture], crop: tuple[float, ...]) -> BtnConfig:
    default, *others = CONVENTIONS
    users = [DEFAULT_HEAD_NAME if name == default else name for name in CONVENTIONS if EXPERT in mixtures[name]]
    left, top, right, bottom = crop
    expert = ExpertConfig(heads=tuple(users), crop=(left, top, right, bottom))
    return replace(MODELS["btn-compact"], conventions=tuple(others), expert=expert)


def built_state(
    trained: Mapping[str, Tensor], config: BtnConfig, mixtures: Mapping[str, Mixture], expert: ExpressionNetwork
) -> dict[str, Tensor]:
    """The state dict of the file: the trunk, a head for each convention, the expert with its maps."""
    heads = ("net.vit.head.", "net.image_head.")
    state = {name.removeprefix("net."): value for name, value in trained.items() if not name.startswith(heads)}
    for name in CONVENTIONS:
        key = head_key(None if name == CONVENTIONS[0] else name)
        state[f"{key}.weight"], state[f"{key}.bias"] = folded(trained, mixtures[name])
    if config.expert.heads:
        state |= {f"expert.network.{name}": value for name, value in expert.state_dict().items()}
    for head in config.expert.heads:
        parts = mixtures[CONVENTIONS[0] if head == DEFAULT_HEAD_NAME else head]
        state[f"expert.maps.{head}.weight"] = expert_map(parts[EXPERT] / total_weight(parts))
        state[f"expert.maps.{head}.bias"] = torch.zeros(len(CLASSES))
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def card_of(text: Mapping[str, object], config: BtnConfig, mixtures: Mapping[str, Mixture], side: float) -> WeightsCard:
    shares = torch.tensor(text["shares"])
    default, *others = CONVENTIONS
    return WeightsCard(
        labels=CLASSES,
        schema="ferplus",
        crop=template("fer2013").with_margin((side - 1) / 2),
        model=config,
        abstain_below=ABSTAIN_BELOW,
        convention=default,
        prior=prior_of(mixtures[default], shares),
        mixture=mixtures[default],
        conventions=tuple(
            Convention(
                name, abstain_below=ABSTAIN_BELOW, prior=prior_of(mixtures[name], shares), mixture=mixtures[name]
            )
            for name in others
        ),
        **{
            name: tuple(value) if isinstance(value, list) else value for name, value in text.items() if name != "shares"
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument(
        "--card", type=Path, required=True, help="json with the texts, and `shares` of the votes' classes"
    )
    parser.add_argument("--expert", type=Path, required=True, help="face-api.js's expression network as ONNX")
    for name in CONVENTIONS:
        parser.add_argument(f"--{name}", type=mixture, required=True, metavar="HEAD=WEIGHT,...")
    parser.add_argument("--votes-bias", type=mixture, default={}, metavar="CLASS=VALUE,...")
    parser.add_argument("--crop-side", type=float, default=1.0)
    parser.add_argument("--expert-crop", type=float, nargs=4, default=ExpertConfig.crop, metavar="FRACTION")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    mixtures = {name: getattr(options, name) for name in CONVENTIONS}
    config = config_of(mixtures, tuple(options.expert_crop))
    trained = with_votes_bias(torch.load(options.state), options.votes_bias)
    state = built_state(trained, config, mixtures, expression_network(options.expert))
    check_keys(state, BTN(config, len(CLASSES), training_parts=False).state_dict(), where=str(options.out))
    save_weights(options.out, state, card_of(json.loads(options.card.read_text()), config, mixtures, options.crop_side))


if __name__ == "__main__":
    main()
