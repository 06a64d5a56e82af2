"""Faces with captions on pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fercli.data.dataset import Sample
from fercli.html.parts import face_card
from fercli.media.images import write_image


def test_face_card__has_picture_lines_and_file_name(tmp_path: Path):
    path = tmp_path / "test" / "fear" / "a.png"
    write_image(path, np.full((48, 48, 3), 99, np.uint8))
    card = face_card(
        Sample(path, "test", 0), "test/fear/a.png", truth="fear", lines=["predicted anger", "confidence 91 %"]
    )
    assert card.picture is not None
    assert card.picture.startswith(b"\xff\xd8")
    assert card.lines == ("predicted anger", "confidence 91 %", "a")
    assert card.alt == "test/fear/a.png: fear, predicted anger; confidence 91 %"


def test_face_card__of_a_deleted_file_has_no_picture(tmp_path: Path):
    assert face_card(Sample(tmp_path / "gone.png", "test", 0), "gone.png", truth="fear", lines=[]).picture is None
