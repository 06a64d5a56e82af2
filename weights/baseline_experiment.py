"""How many slight smiles, and how many false alarms, with and without each person's own neutral picture subtracted.

    python weights/baseline_experiment.py london --weights fer-compact --json baseline.json

PEOPLE is a folder neutral/ID.jpg, smiling/ID.jpg and people.csv (face_id, face_gender), the form of the Face Research Lab
London Set. A hit is a smiling picture predicted as happiness. A false alarm is a copy of a neutral picture, with other light,
crop or compression, that is predicted as anything but neutral. The resting probabilities come from the unchanged neutral picture.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli import Predictor
from fercli.media.images import Rgb, read_rgb
from fercli.predict.baseline.correction import MARGIN, subtract_baseline

MARGINS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
EXPRESSION, REST = "happiness", "neutral"


@dataclass(frozen=True)
class Person:
    """One person. rest, smile: probabilities [N]. copies: those of the altered neutral pictures, by the kind of change."""

    gender: str
    rest: NDArray[np.float64]
    smile: NDArray[np.float64]
    copies: dict[str, NDArray[np.float64]]


def _gamma(exponent: float) -> Callable[[Rgb], Rgb]:
    table = np.round(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return lambda rgb: table[rgb]


def _side_light(darker: float) -> Callable[[Rgb], Rgb]:
    """Light from the right: the left edge has `darker` of the brightness."""
    return lambda rgb: np.round(rgb * np.linspace(darker, 1.0, rgb.shape[1])[None, :, None]).astype(np.uint8)


def _jpeg(quality: int) -> Callable[[Rgb], Rgb]:
    def compress(rgb: Rgb) -> Rgb:
        content = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[:, :, ::-1])

    return compress


def _crop(left: float, top: float, side: float) -> Callable[[Rgb], Rgb]:
    """A square part of the picture, in fractions of its sides."""

    def cut(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        y, x = round(top * height), round(left * width)
        return np.ascontiguousarray(rgb[y : y + round(side * height), x : x + round(side * width)])

    return cut


def _resize(scale: float) -> Callable[[Rgb], Rgb]:
    return lambda rgb: cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _rotate(degrees: float) -> Callable[[Rgb], Rgb]:
    def turn(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        return cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return turn


CHANGES: dict[str, Callable[[Rgb], Rgb]] = {
    "light: darker": _gamma(1.8),
    "light: brighter": _gamma(0.55),
    "light: from one side": _side_light(0.35),
    "crop: lower left": _crop(0.0, 0.12, 0.86),
    "crop: upper right": _crop(0.14, 0.0, 0.86),
    "crop: a third of the size": _resize(1 / 3),
    "crop: turned by 10 degrees": _rotate(10),
    "compression: JPEG 30": _jpeg(30),
    "compression: JPEG 10": _jpeg(10),
}


def read_people(folder: Path, predictor: Predictor) -> list[Person]:
    """Predict the pictures of every person."""
    people = []
    with (folder / "people.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        neutral, smiling = (read_rgb(folder / name / f"{row['face_id']}.jpg") for name in ("neutral", "smiling"))
        copies = {name: _probabilities(predictor, change(neutral)) for name, change in CHANGES.items()}
        person = Person(
            row["face_gender"], _probabilities(predictor, neutral), _probabilities(predictor, smiling), copies
        )
        people.append(person)
    return people


def _probabilities(predictor: Predictor, rgb: Rgb) -> NDArray[np.float64]:
    """The probabilities [N] of the largest face; NaN without a face."""
    faces = predictor.image(rgb).faces
    if not faces:
        return np.full(len(predictor.labels), np.nan)
    return np.array([(faces[0].probabilities or {})[label] for label in predictor.labels])


def scores(people: Sequence[Person], labels: Sequence[str], margin: float | None) -> dict[str, float]:
    """Return the shares of hits and, by the kind of change, of false alarms. margin: None for uncorrected predictions."""
    happy, neutral = labels.index(EXPRESSION), labels.index(REST)

    def label(probabilities: NDArray[np.float64], person: Person) -> int:
        if margin is not None:
            probabilities = subtract_baseline(probabilities, person.rest, neutral=neutral, margin=margin)
        return int(probabilities.argmax())

    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for person in people:
        counts["hits"].append(label(person.smile, person) == happy)
        for name, copy in person.copies.items():
            alarm = label(copy, person) != neutral
            counts["false alarms"].append(alarm)
            counts[f"false alarms, {name}"].append(alarm)
    return {name: float(np.mean(values)) for name, values in counts.items()}


def rises(people: Sequence[Person], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return, per person, how much the log odds of happiness against neutral are higher in the smile than at rest."""
    happy, neutral = labels.index(EXPRESSION), labels.index(REST)
    odds = np.log([[p.smile[happy] / p.smile[neutral], p.rest[happy] / p.rest[neutral]] for p in people])
    return np.asarray(odds[:, 0] - odds[:, 1])


def _show(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    predictor = Predictor(arguments.weights)
    people = read_people(arguments.people, predictor)
    groups = {"all": people} | {
        gender: [person for person in people if person.gender == gender]
        for gender in sorted({person.gender for person in people})
    }
    result = {}
    for group, members in groups.items():
        rise = rises(members, predictor.labels)
        table = {str(margin): scores(members, predictor.labels, margin) for margin in (None, *MARGINS)}
        result[group] = {"people": len(members), "higher": int((rise > 0).sum()), "scores": table}
        _show(f"{group}: {len(members)} people; log odds of happiness higher in the smile: {(rise > 0).sum()}")
        _show(f"  by more than 2: {(rise > 2).sum()}; median {np.median(rise):.1f}")
        for margin, values in table.items():
            _show(f"  margin {margin:>4}: hits {values['hits']:.3f}, false alarms {values['false alarms']:.3f}")
    _show(f"false alarms of all people, uncorrected and with margin {MARGIN:g}:")
    for name in CHANGES:
        before, after = (result["all"]["scores"][key][f"false alarms, {name}"] for key in ("None", str(MARGIN)))
        _show(f"  {name}: {before:.3f} {after:.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
