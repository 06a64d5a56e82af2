"""Annotations of a video with two people, one of whom has a name with signs that formats must escape."""

from __future__ import annotations

import pytest

from fercli.coding.annotations import Annotation, VideoAnnotations

NAME = 'Zoë & "Co" <2>'


@pytest.fixture
def name() -> str:
    return NAME


@pytest.fixture
def video() -> VideoAnnotations:
    one = (Annotation("neutral", 0.0, 1.5), Annotation("happiness", 1.5, 2.0004), Annotation("neutral", 2.5, 3.25))
    return VideoAnnotations("../clips/a b.mp4", {"Person 1": one, NAME: (Annotation("sadness", 0.04, 4.0),)}, 5.0)
