"""Descriptions of settings: every setting has one that agrees with its limits, and typos are understood by meaning."""

from __future__ import annotations

import re

import pytest

from fercli.config.model import BtnConfig
from fercli.config.setting_info import _SYNONYMS, documented_settings, nearest_settings, setting_info
from fercli.config.settings import fields_of, override
from fercli.config.training import TrainConfig
from fercli.errors import UsageError

HINTS = fields_of(BtnConfig) | fields_of(TrainConfig)
BOUNDED = {
    name: bounds
    for name in fields_of(TrainConfig)
    if (bounds := re.fullmatch(r"(?:from )?([\d.]+)(?: to ([\d.]+))?", setting_info(name, HINTS[name]).range))
}


def test_settings__every_one_has_a_range_a_line_and_a_source():
    assert documented_settings() == set(HINTS)
    for name, hint in HINTS.items():
        info = setting_info(name, hint)
        assert info.summary, name
        assert info.source, name
        assert info.range, name
        assert len(info.summary) < 100, name


@pytest.mark.parametrize("name", BOUNDED)
def test_settings__values_outside_of_the_stated_range_are_refused(name: str):
    low, high = BOUNDED[name].groups()
    outside = [
        f"{name}={-1 if float(low) == 0 else float(low) - 1:g}",
        *([f"{name}={float(high) + 1:g}"] if high else []),
    ]
    for setting in outside:
        with pytest.raises(UsageError):
            override(TrainConfig(), [setting])
    override(TrainConfig(), [f"{name}={low}"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("learning_rate", "lr"),
        ("batch", "batch_size"),
        ("num_epochs", "epochs"),
        ("wd", "weight_decay"),
        ("mixed_precision", "amp"),
        ("img_size", "input.size"),
        ("rho", "sam.rho"),
        ("erase", "augment.erase"),
        ("random_erasing", "augment.erase"),
        ("lambda", "loss.vit"),
        ("label_smoothing", "loss.label_smoothing"),
        ("epoch", "epochs"),
        ("leraning_rate", "lr"),
        ("batch-size", "batch_size"),
        ("augment.rotation", "augment.rotate"),
        ("Momentun", "momentum"),
    ],
)
def test_unknown_name__the_nearest_by_meaning_is_first(typed: str, meant: str):
    assert nearest_settings(typed, HINTS)[0] == meant
    with pytest.raises(UsageError, match=re.escape(f"did you mean {meant}")):
        override(TrainConfig() if meant in fields_of(TrainConfig) else BtnConfig(), [f"{typed}=1"])


def test_unknown_name__nothing_is_suggested_for_nonsense():
    assert nearest_settings("qqqqqqqq", HINTS) == []


def test_synonyms__belong_to_settings_and_are_none_themselves():
    assert set(_SYNONYMS) <= set(HINTS)
    words = [word for listed in _SYNONYMS.values() for word in listed.split()]
    assert len(set(words)) == len(words)
    assert not set(words) & set(HINTS)
