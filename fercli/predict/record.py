"""What tables of predictions record of the weights and the settings."""

from __future__ import annotations

from collections.abc import Mapping

from fercli.rows.run_record import RunRecord, new_record
from fercli.weights.card import WeightsCard


def record_run(card: WeightsCard, settings: Mapping[str, object]) -> RunRecord:
    """Return the record of a run with these weights and settings."""
    return new_record(
        settings,
        card.labels,
        weights=f"{card.name}, version {card.version}",
        uncertain_below=card.abstain_below,
    )
