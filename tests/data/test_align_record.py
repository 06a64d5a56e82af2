"""The settings of `fer align`, and how they are compared."""

from __future__ import annotations

import json

import pytest

from fercli.data.align_record import Alignment, AlignSettings, alignment_differences
from fercli.errors import UsageError

SETTINGS = AlignSettings("mtcnn 1", size=96)


def test_alignment_differences__lists_settings_that_change_crops():
    trained = json.loads(json.dumps(Alignment(SETTINGS).record))  # as a card carries it
    assert alignment_differences(trained, Alignment(SETTINGS).record) is None
    other = AlignSettings("mtcnn 1", size=64, margin=0.2, min_face_px=40, on_no_face="skip")
    assert (
        alignment_differences(trained, Alignment(other).record)
        == "margin 0.2 (trained on 0.0), size 64 (trained on 96)"
    )
    assert alignment_differences(trained, {"detector": "mtcnn 2"}) == "detector mtcnn 2 (trained on mtcnn 1)"
    assert alignment_differences(None, {"detector": "mtcnn 2"}) is None


def test_fingerprint__changes_with_any_setting():
    others = (AlignSettings("mtcnn 2", size=96), AlignSettings("mtcnn 1", size=96, margin=0.1))
    assert len({SETTINGS.fingerprint, *(other.fingerprint for other in others)}) == 3
    assert SETTINGS.fingerprint == AlignSettings("mtcnn 1", size=96).fingerprint


def test_settings__name_the_crop_with_its_margin():
    assert (SETTINGS.crop, AlignSettings("m", margin=0.1).crop) == ("arcface", "arcface+0.1")


@pytest.mark.parametrize("wrong", [{"size": 2}, {"margin": -1.0}, {"min_face_px": 0}, {"template": "nope"}])
def test_settings__refuse_what_makes_no_sense(wrong: dict[str, object]):
    with pytest.raises(UsageError):
        AlignSettings("m", **wrong)  # type: ignore[arg-type]
