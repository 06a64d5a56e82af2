"""Choose the faces of a picture that `fer align` writes."""

from __future__ import annotations

from collections.abc import Sequence

from fercli.data.align_record import FaceChoice
from fercli.faces.main_face import confident_faces
from fercli.results import Face, Point


def choose_faces(
    faces: Sequence[Face], size_wh: tuple[int, int], choice: FaceChoice, labelled: Point | None = None
) -> list[tuple[int, Face]]:
    """Choose faces (sorted by size, largest first) with their indices; the one nearest to `labelled`, if that is given.

    If any face has a high detection score, low-scoring ones are ignored: they are often false detections.
    """
    indexed = list(enumerate(faces))
    if choice == "all":
        return indexed
    if labelled is not None and indexed:
        return [min(indexed, key=lambda item: _squared_distance(item[1], labelled))]
    confident = confident_faces(faces)
    if choice == "center" and confident:
        center = size_wh[0] / 2, size_wh[1] / 2
        return [min(confident, key=lambda item: _squared_distance(item[1], center))]
    return confident[:1]


def _squared_distance(face: Face, point: Point) -> float:
    left, top, right, bottom = face.box_xyxy
    return ((left + right) / 2 - point[0]) ** 2 + ((top + bottom) / 2 - point[1]) ** 2
