"""Choose the face that a picture with one label is about."""

from __future__ import annotations

from collections.abc import Sequence

from fercli.results import Face

CONFIDENT_SCORE = 0.9  # detections with this score are rarely anything but a face


def confident_faces(faces: Sequence[Face]) -> list[tuple[int, Face]]:
    """Return the faces with their index whose score is at least CONFIDENT_SCORE; all of them where none reaches it."""
    indexed = list(enumerate(faces))
    return [item for item in indexed if (item[1].score or 0) >= CONFIDENT_SCORE] or indexed


def main_face(faces: Sequence[Face]) -> Face | None:
    """Return the largest of the confident faces (`faces` are sorted by size, largest first); None without any."""
    return next((face for _, face in confident_faces(faces)), None)
