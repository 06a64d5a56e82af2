"""The card in every weights file: preprocessing, labels, calibration, provenance and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fercli.config.model import BtnConfig
from fercli.config.templates import TEMPLATES, CropTemplate
from fercli.config.validate import from_dict
from fercli.errors import WeightsError

CARD_FORMAT = 1
_FIX = "export or convert the weights again"


@dataclass(frozen=True)
class WeightsCard:
    """Everything that predict, eval and export need beside the tensors, so that no preprocessing options are needed.

    labels: class names, index by index. schema: the label schema's name. crop: the template that faces are aligned to.
    temperature: probabilities are softmax(logits / temperature). abstain_below: a lower top probability is `uncertain`.
    data, scores, provenance, licence: facts for people; no command depends on them.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    schema: str
    crop: CropTemplate
    model: BtnConfig
    temperature: float = 1.0
    abstain_below: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    notes: tuple[str, ...] = ()
    format: int = CARD_FORMAT

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise WeightsError(
                f"card {self.name}: needs at least two distinct labels, has {list(self.labels)}", fix=_FIX
            )
        if not self.temperature > 0:
            raise WeightsError(f"card {self.name}: temperature must be positive, got {self.temperature}", fix=_FIX)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @staticmethod
    def from_json(text: str, *, where: str) -> WeightsCard:
        """Read a card; WeightsError names `where` it came from and the fields that do not fit."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise WeightsError(f"{where}: its card is not JSON ({error})", fix=_FIX) from error
        if not isinstance(values, Mapping):
            raise WeightsError(f"{where}: its card is not a JSON object", fix=_FIX)
        if values.get("format") != CARD_FORMAT:
            raise WeightsError(
                f"{where}: card format {values.get('format')!r}, this program reads {CARD_FORMAT}",
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
