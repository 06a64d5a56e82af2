"""Label conventions of a model: what each means, its facts in the card, and heads folded from mixtures.

A face can be labelled by what others perceive or by what the person meant to pose. A model may have a linear head for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fercli.config.ranges import Share, Within, range_errors, shown
from fercli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_HEAD = "vit.head"
CONVENTION_HEADS = "vit.convention_heads"

MEANINGS: dict[str, str] = {
    "perceived": "the expression that most of several annotators see",
    "posed": "the expression that the person was asked to show or meant to show",
    "mixed": "a stated mixture of perceived and posed",
}
_SHARES_TOLERANCE = 1e-3

Temperature = Annotated[float, Within(1e-3, 1000)]


@dataclass(frozen=True)
class Convention:
    """What the card states about one label convention.

    temperature: probabilities are softmax(logits / temperature). abstain_below: a lower top probability is `uncertain`.
    prior: class shares that the probabilities assume; empty if they are unknown. mixture: the heads of training that the head
    was folded from, with their weights; empty if it was trained as it is. scores: for people.
    """

    name: str
    temperature: Temperature = 1.0
    abstain_below: Share = 0.0
    prior: Annotated[dict[str, float], Within(0, 1)] = field(default_factory=dict)
    mixture: Annotated[dict[str, float], Within(-1000, 1000)] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        errors = range_errors(self)
        if errors:
            raise ValueError(f"convention {shown(self.name)}: {'; '.join(errors)}")


def describe_convention(name: str) -> str:
    """Return a convention with its meaning, if it is one of MEANINGS."""
    return f"{name}: {MEANINGS[name]}" if name in MEANINGS else name


def prior_error(prior: Mapping[str, float], labels: tuple[str, ...]) -> str | None:
    """Return what is wrong with the class shares of a card; None if they are valid or empty."""
    if not prior:
        return None
    if set(prior) != set(labels):
        return f"prior has shares of {', '.join(prior)}, the labels are {', '.join(labels)}"
    if not all(share > 0 for share in prior.values()) or abs(sum(prior.values()) - 1) > _SHARES_TOLERANCE:
        return f"the shares of prior must be positive and sum to 1, got {list(prior.values())}"
    return None


def head_key(convention: str | None) -> str:
    """Return the name of a convention's head in the state dict, None for the default head."""
    return DEFAULT_HEAD if convention is None else f"{CONVENTION_HEADS}.{convention}"


def fold_heads(
    state: Mapping[str, Tensor], mixture: Mapping[str, float], *, offsets: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Fold linear heads on the same features into one: its softmax is the normalised product of their powers.

    With heads h and weights w, log p = sum_h w_h log p_h + constant of the image, so weights and biases are added likewise.
    state: `NAME.weight` [N, W] and `NAME.bias` [N] of every head. mixture: NAME -> weight. offsets: added to the
    logits [N], such as a logit adjustment. Returns weight [N, W] and bias [N] in float32.
    Raises: WeightsError for a head that the state lacks, ValueError for weights that are not finite.
    """
    import torch

    missing = [name for name in mixture if f"{name}.weight" not in state]
    if missing or not mixture:
        raise WeightsError(f"there is no head {', '.join(missing) or 'to fold'}", fix="heads of the same network")
    if not all(math.isfinite(share) for share in mixture.values()):
        raise ValueError(f"weights of a mixture must be finite, got {dict(mixture)}")
    weight = torch.stack([share * state[f"{name}.weight"].double() for name, share in mixture.items()]).sum(dim=0)
    bias = torch.stack([share * state[f"{name}.bias"].double() for name, share in mixture.items()]).sum(dim=0)
    if offsets is not None:
        bias = bias + offsets.double()
    return weight.float(), bias.float()
