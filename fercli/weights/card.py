"""The card in every weights file: preprocessing, labels, calibration, provenance and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

from fercli.config.model import DEFAULT_HEAD_NAME, BtnConfig
from fercli.config.ranges import Share, Within, range_errors, shown
from fercli.config.templates import TEMPLATES, CropTemplate
from fercli.config.validate import from_dict
from fercli.errors import UsageError, WeightsError
from fercli.formatting import printable
from fercli.system.json_text import parse_json
from fercli.weights.conventions import Convention, Temperature, prior_error

CARD_FORMAT = 1
_FIX = "export or convert the weights again"
_LONGEST_NAME, _LONGEST_CARD = 200, 4_000_000  # characters


@dataclass(frozen=True)
class WeightsCard:
    """Everything that predict, eval and export need beside the tensors, so that no preprocessing options are needed.

    labels: class names, index by index. schema: the label schema's name. crop: the template that faces are aligned to.
    temperature: probabilities are softmax(logits / temperature). abstain_below: a lower top probability is `uncertain`.
    prior: class shares that the probabilities assume; empty if they are unknown. convention: the label convention of
    temperature, abstain_below, prior, mixture and scores, None for a model without conventions. conventions: the others,
    each with a head and facts of its own. mixture: the heads of training that the default head was folded from.
    data, scores, provenance, licence: facts for people; no command depends on them.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    schema: str
    crop: CropTemplate
    model: BtnConfig
    temperature: Temperature = 1.0
    abstain_below: Share = 0.0
    data: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    notes: tuple[str, ...] = ()
    prior: Annotated[dict[str, float], Within(0, 1)] = field(default_factory=dict)
    convention: str | None = None
    mixture: Annotated[dict[str, float], Within(-1000, 1000)] = field(default_factory=dict)
    conventions: tuple[Convention, ...] = ()
    format: Annotated[int, Within(1, 1000)] = CARD_FORMAT

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise WeightsError(
                f"card {self.name}: needs at least two distinct labels, has {list(self.labels)}", fix=_FIX
            )
        errors = [*range_errors(self), *self._text_errors()]
        if errors:
            raise WeightsError(f"card {shown(self.name)}: {'; '.join(errors)}", fix=_FIX)
        for prior in (self.prior, *(convention.prior for convention in self.conventions)):
            if error := prior_error(prior, self.labels):
                raise WeightsError(f"card {self.name}: {error}", fix=_FIX)
        self._check_conventions()

    def _text_errors(self) -> list[str]:
        """Return which names cannot be shown or written to a table."""
        names = [("name", self.name), ("version", self.version), ("schema", self.schema)]
        names += [("labels", label) for label in self.labels]
        return [
            f"{field}: {shown(text)} is empty, longer than {_LONGEST_NAME} characters, or has control characters"
            for field, text in names
            if len(text) > _LONGEST_NAME or text != printable(text) or (field == "labels" and not text.strip())
        ][:1]

    def _check_conventions(self) -> None:
        """Raise WeightsError unless every head of the network has one entry, and every entry a head."""
        names = (self.convention, *(convention.name for convention in self.conventions))
        # of the card that for_convention returns, one of the names is that of the file's default head
        heads = [name for name in names if name not in self.model.conventions]
        if len(set(names)) < len(names) or len(heads) != 1 or len(names) != len(self.model.conventions) + 1:
            raise WeightsError(
                f"card {self.name}: conventions {', '.join(map(str, names))} do not match the heads of the network: "
                f"a default one and {', '.join(self.model.conventions) or 'no other'}",
                fix=_FIX,
            )

    @property
    def convention_names(self) -> tuple[str, ...]:
        """Names of the label conventions that the model has, the current one first; empty for a model without conventions."""
        return () if self.convention is None else (self.convention, *(other.name for other in self.conventions))

    @property
    def head(self) -> str | None:
        """The convention head of the network that the card is for; None for the default head."""
        return self.convention if self.convention in self.model.conventions else None

    @property
    def skips_expert(self) -> bool:
        """Whether the network has a frozen expert that the head of this card does not use."""
        heads = self.model.expert.heads
        return bool(heads) and (self.head or DEFAULT_HEAD_NAME) not in heads

    def for_convention(self, name: str | None) -> WeightsCard:
        """Return the card with temperature, abstain_below, prior, mixture and scores of a convention; None: as it is.

        Raises: UsageError if the model does not have the convention.
        """
        if name is None or name == self.convention:
            return self
        chosen = next((other for other in self.conventions if other.name == name), None)
        if chosen is None or self.convention is None:
            known = ", ".join(self.convention_names)
            raise UsageError(
                f"{self.name} {self.version} has no label convention {name!r}: it has {known or 'no conventions'}",
                fix=f"--convention {' | '.join(self.convention_names)}" if known else "omit --convention",
            )
        current = Convention(
            self.convention, self.temperature, self.abstain_below, self.prior, self.mixture, self.scores
        )
        return replace(
            self,
            convention=name,
            temperature=chosen.temperature,
            abstain_below=chosen.abstain_below,
            prior=chosen.prior,
            mixture=chosen.mixture,
            scores=chosen.scores,
            conventions=tuple(current if other is chosen else other for other in self.conventions),
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @staticmethod
    def from_json(text: str, *, where: str) -> WeightsCard:
        """Read a card; WeightsError names `where` it came from and the fields that do not fit."""
        try:
            if len(text) > _LONGEST_CARD:
                raise ValueError(f"{len(text):,} characters, more than {_LONGEST_CARD:,}")
            values = parse_json(text)
        except ValueError as error:
            raise WeightsError(f"{where}: its card is not JSON ({error})", fix=_FIX) from error
        if not isinstance(values, Mapping):
            raise WeightsError(f"{where}: its card is not a JSON object", fix=_FIX)
        if values.get("format") != CARD_FORMAT:
            raise WeightsError(
                f"{where}: card format {shown(values.get('format'))}, this program reads {CARD_FORMAT}",
                fix="update fercli, or export the weights again",
            )
        return from_dict(WeightsCard, _with_detector(values), where=where, error=WeightsError, fix=_FIX)


def _with_detector(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add `crop.detector` to a card that was written before it had the field, if its template is a known one."""
    crop = values.get("crop")
    if not isinstance(crop, Mapping) or "detector" in crop:
        return values
    known = TEMPLATES.get(str(crop.get("name")).partition("+")[0])
    return {**values, "crop": {**crop, "detector": known.detector}} if known else values
