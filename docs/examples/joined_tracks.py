"""How well people are recognised by the colours of face and hair, which joins tracks after a cut or an absence.

`python joined_tracks.py photos FOLDER... --person REGEX`: pairs of photos of one person and of different people. The first group
of REGEX, searched in the path, is the person; a FOLDER of photos is searched recursively. A pair of two photos counts once.
`python joined_tracks.py clips TABLE...`: tracks in tables of fer predict are cut, and the head half a second and a second later
is compared with those kept before, as the tracker does. Different people: tracks that are in view together.

Prints, for every threshold, the share of pairs that are taken for one person.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.faces.appearance import head_distance, head_vector
from fercli.faces.detector import open_detector
from fercli.faces.known_heads import MAX_DISTANCE, MIN_SIDE, KnownHeads
from fercli.media.images import read_rgb
from fercli.media.video import VideoReader
from fercli.results import Prediction
from fercli.rows.read import read_rows

THRESHOLDS = (4.0, 5.0, MAX_DISTANCE, 7.0, 8.0, 10.0)
GAPS_S = (0.5, 1.0)
CUTS_EVERY_S = 2.0
SUFFIXES = (".jpg", ".jpeg", ".png", ".tiff")
Vector = NDArray[np.float32]
Distances = tuple[list[float], list[float]]  # of one person, of different people


def photo_heads(folders: Sequence[Path], person: str) -> dict[str, list[Vector]]:
    """Return the head of the largest face of every photo, by person."""
    detector, heads = open_detector(), defaultdict(list)
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        found, rgb = re.search(person, path.as_posix()), read_rgb(path)
        (faces,) = detector.detect([rgb])
        if found and faces:
            heads[found[1]].append(head_vector(rgb, faces[0].box_xyxy))
    return dict(heads)


def photo_distances(heads: Mapping[str, Sequence[Vector]]) -> Distances:
    """Return the distances of all pairs of photos."""
    same: list[float] = []
    others: list[float] = []
    known = [(person, head) for person, of_person in heads.items() for head in of_person]
    for (one, head), (other, second) in itertools.combinations(known, 2):
        (same if one == other else others).append(head_distance(head, second[None]))
    return same, others


def video_heads(rows: Iterable[Prediction]) -> dict[int, list[tuple[float, float, Vector]]]:
    """Return time, side of the face and head of the faces of one video, by track."""
    by_frame: dict[int, list[Prediction]] = defaultdict(list)
    source = ""
    for row in rows:
        if row.track is not None and row.detection is not None and row.detection.side >= MIN_SIDE:
            by_frame[row.frame or 0].append(row)
            source = row.source
    heads: dict[int, list[tuple[float, float, Vector]]] = defaultdict(list)
    for frame in VideoReader(Path(source)) if source else ():
        for row in by_frame.get(frame.index, ()) if frame.rgb is not None else ():
            if row.detection is not None and frame.rgb is not None:
                head = head_vector(frame.rgb, row.detection.box_xyxy)
                heads[row.track or 0].append((row.time_s or 0.0, row.detection.side, head))
    return dict(heads)


def clip_distances(heads: Mapping[int, Sequence[tuple[float, float, Vector]]]) -> Distances:
    """Return the distances of the heads after a cut from those kept before it, and of people in view together."""
    same: list[float] = []
    others: list[float] = []
    for faces in heads.values():
        for cut_s, gap_s in itertools.product(np.arange(faces[0][0] + 1.0, faces[-1][0], CUTS_EVERY_S), GAPS_S):
            kept = kept_heads([face for face in faces if face[0] <= cut_s])
            after = next((head for time_s, _, head in faces if time_s >= cut_s + gap_s), None)
            if after is not None:
                same.append(head_distance(after, kept))
    for one, other in itertools.permutations(heads.values(), 2):
        if {time_s for time_s, _, _ in one} & {time_s for time_s, _, _ in other}:
            others.append(head_distance(one[0][2], kept_heads(other)))
    return same, others


def kept_heads(faces: Iterable[tuple[float, float, Vector]]) -> Vector:
    """Return the heads [K, D] that the tracker keeps of a person."""
    known = KnownHeads()
    for time_s, side, head in faces:
        known.see(1, lambda head=head: head, side, time_s)
    return known.of(1)


def videos(tables: Iterable[Path]) -> Iterator[list[Prediction]]:
    """Yield the rows of one video after the other."""
    for table in tables:
        for _, rows in itertools.groupby(read_rows(table).predictions(), key=lambda row: row.source):
            yield list(rows)


def lines(same: Sequence[float], others: Sequence[float]) -> list[str]:
    """Return the table as Markdown."""
    head = f"| threshold | same person ({len(same):,} pairs) | different people ({len(others):,} pairs) |"
    shares = [
        (limit, *(np.mean(np.array(part) <= limit) if part else 0.0 for part in (same, others))) for limit in THRESHOLDS
    ]
    return [
        head,
        "|---|---|---|",
        *(f"| {limit:g} | {100 * one:.1f} % | {100 * two:.2f} % |" for limit, one, two in shares),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("photos", "clips"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--person", default=r"([^/]+)\.\w+$", help="default: the name of the file without its suffix")
    given = parser.parse_args()
    if given.kind == "photos":
        found = [photo_distances(photo_heads(given.paths, given.person))]
    else:
        found = [clip_distances(video_heads(rows)) for rows in videos(given.paths)]
    print(
        "\n".join(lines([value for part, _ in found for value in part], [value for _, part in found for value in part]))
    )
