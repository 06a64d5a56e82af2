"""Two evaluations of the same images in, whether one is better out: McNemar's test, intervals, the images that changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fercli.data.dataset import paper_order
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.evaluate.compare.page import comparison_page
from fercli.evaluate.files import RESULT_NAME, Predictions, read_predictions, read_result, write_rows
from fercli.evaluate.mcnemar import PairedTest, compare_answers
from fercli.evaluate.metrics import wilson_interval
from fercli.evaluate.resampling import Interval
from fercli.system.files import refuse_existing_folder, replacing_folder

COMPARISON_NAME = "comparison.json"
CHANGED_NAME = "changed.csv"
PAGE_NAME = "compare.html"


@dataclass(frozen=True)
class Side:
    """One of the two evaluations, on the images that both have. name: the model's, where its result says so."""

    name: str
    place: Path
    overall: float
    interval: Interval
    mean_class: float
    only_here: int


@dataclass(frozen=True)
class Change:
    """An image that the two read differently. kind: gained (B alone is right), lost (A alone), or neither is right."""

    path: str
    truth: str
    first: str
    second: str
    first_probability: float
    second_probability: float
    kind: str


@dataclass(frozen=True)
class ClassChange:
    """How one class fares: images, those that only A or only B reads right, and the exact McNemar p-value."""

    name: str
    n: int
    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """B against A. changes: gained first, then lost, then otherwise read; the surest answers first.

    warnings: what makes the two less comparable than they seem.
    """

    a: Side
    b: Side
    test: PairedTest
    classes: tuple[ClassChange, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


def compare(
    a: Path,
    b: Path,
    *,
    images: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Compare two folders that `fer eval --out` wrote, or their predictions.csv, image by image.

    seed: of the bootstrap. out: a new folder that gets comparison.json, changed.csv, and where `images` names the data
    set, by name or folder, a page that shows them.
    Errors: DataError where a table cannot be read, no image is in both, or the two disagree about an image's label.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=COMPARISON_NAME)
    dataset = open_dataset(images) if images else None
    if dataset is not None and out is None:
        raise UsageError("pictures are shown on a page, and there is no folder for it", fix="--out DIR")
    first, second = read_predictions(a), read_predictions(b)
    common = _common(first, second, a, b)
    labels = paper_order({*first.labels, *second.labels})
    places = [np.array([labels.index(name) for name in names]) for names in _names(first, second, common)]
    truth, guess_a, guess_b = places
    result = Comparison(
        a=_side(a, first, truth, guess_a, common=len(common)),
        b=_side(b, second, truth, guess_b, common=len(common)),
        test=compare_answers(truth, guess_a, guess_b, len(labels), seed=seed),
        classes=tuple(_classes(labels, truth, guess_a == truth, guess_b == truth)),
        changes=tuple(_changes(first, second, common)),
        warnings=tuple(_warnings(a, b)),
    )
    if out is not None:
        with replacing_folder(out) as folder:
            _write(folder, result)
            if dataset is not None:
                text = comparison_page(result, dataset)
                (folder / PAGE_NAME).write_text(text, encoding="utf-8", errors="replace")
    return result


def as_record(result: Comparison) -> dict[str, Any]:
    """All figures as plain values, without the list of images."""
    record = asdict(result)
    record["changed"] = {
        kind: sum(change.kind == kind for change in result.changes) for kind in ("gained", "lost", "neither")
    }
    del record["changes"]
    for side in ("a", "b"):
        record[side]["place"] = str(record[side]["place"])
    return record


def _common(first: Predictions, second: Predictions, a: Path, b: Path) -> list[tuple[int, int]]:
    """Places of the images that both have, in A's order."""
    places = {path: place for place, path in enumerate(second.paths)}
    common = [(place, places[path]) for place, path in enumerate(first.paths) if path in places]
    if not common:
        raise DataError(f"{a} and {b} have no image in common", fix="two evaluations of the same data set and split")
    disagreeing = [first.paths[i] for i, j in common if first.truth[i] != second.truth[j]]
    if disagreeing:
        raise DataError(
            f"{a} and {b} disagree about the label of {len(disagreeing)} images, e.g. {disagreeing[0]}",
            fix="evaluate both on the same data set again",
        )
    return common


def _names(
    first: Predictions, second: Predictions, common: Sequence[tuple[int, int]]
) -> tuple[list[str], list[str], list[str]]:
    """Truth, A's and B's answers to the common images."""
    truth = [first.truth[i] for i, _ in common]
    return truth, [first.guess[i] for i, _ in common], [second.guess[j] for _, j in common]


def _side(place: Path, predictions: Predictions, truth: np.ndarray, guess: np.ndarray, *, common: int) -> Side:
    right = guess == truth
    shares = [right[truth == label].mean() for label in np.unique(truth)]
    result = _result(place)
    return Side(
        name=str(result["model"]) if result and "model" in result else place.name,
        place=place,
        overall=float(right.mean()),
        interval=wilson_interval(int(right.sum()), len(right)),
        mean_class=float(np.mean(shares)),
        only_here=len(predictions.paths) - common,
    )


def _classes(labels: Sequence[str], truth: np.ndarray, right_a: np.ndarray, right_b: np.ndarray) -> list[ClassChange]:
    from fercli.evaluate.mcnemar import mcnemar

    found = []
    for place, name in enumerate(labels):
        mine = truth == place
        only_a, only_b = int((mine & right_a & ~right_b).sum()), int((mine & right_b & ~right_a).sum())
        if mine.any():
            found.append(ClassChange(name, int(mine.sum()), only_a, only_b, mcnemar(only_a, only_b)[0]))
    return found


def _changes(first: Predictions, second: Predictions, common: Sequence[tuple[int, int]]) -> list[Change]:
    found = []
    for i, j in common:
        truth, one, other = first.truth[i], first.guess[i], second.guess[j]
        if one == other:
            continue
        kind = "gained" if other == truth else "lost" if one == truth else "neither"
        sure = float(first.probabilities[i].max()), float(second.probabilities[j].max())
        found.append(Change(first.paths[i], truth, one, other, *sure, kind))
    order = {"gained": 0, "lost": 1, "neither": 2}
    return sorted(found, key=lambda change: (order[change.kind], -change.second_probability, change.path))


def _warnings(a: Path, b: Path) -> list[str]:
    one, other = _result(a), _result(b)
    if one is None or other is None:
        return []
    return [
        f"the two were measured on different {what}s: {one[key]} and {other[key]}"
        for key, what in (("fingerprint", "data set"), ("split", "split"))
        if one.get(key) != other.get(key)
    ]


def _result(place: Path) -> dict[str, Any] | None:
    """What the evaluation says of itself, where its result lies beside its predictions."""
    folder = place if place.is_dir() else place.parent
    return read_result(folder) if (folder / RESULT_NAME).is_file() else None


def _write(folder: Path, result: Comparison) -> None:
    text = json.dumps(as_record(result), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / COMPARISON_NAME).write_text(text + "\n", encoding="utf-8")
    head = ["path", "label", "pred_a", "pred_b", "probability_a", "probability_b", "kind"]
    rows = [
        [c.path, c.truth, c.first, c.second, f"{c.first_probability:.6f}", f"{c.second_probability:.6f}", c.kind]
        for c in result.changes
    ]
    write_rows(folder / CHANGED_NAME, head, rows)
