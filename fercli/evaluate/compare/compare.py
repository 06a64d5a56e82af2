"""`fer compare`: whether one of two evaluations of the same images is better, and which images changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import paper_order
from fercli.data.open import open_dataset
from fercli.errors import DataError, UsageError
from fercli.evaluate.compare.comparison import ChangedImage, ClassComparison, ComparedModel, Comparison
from fercli.evaluate.compare.page import comparison_page
from fercli.evaluate.mcnemar import mcnemar, paired_test
from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy, wilson_interval
from fercli.evaluate.prediction_table import PredictionTable, read_predictions
from fercli.evaluate.result_file import ResultFile, predictions_path, read_result, result_path
from fercli.evaluate.scores import one_class_text
from fercli.formatting import pluralize
from fercli.system.csv_file import write_rows
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.json_file import write_json

COMPARISON_NAME = "comparison.json"
CHANGED_NAME = "changed.csv"
COMPARISON_PAGE_NAME = "compare.html"


def compare(
    a: Path,
    b: Path,
    *,
    images: str | None = None,
    folder: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Compare two folders of `fer train` or `fer eval --out`, or tables of predictions, image by image.

    seed: of the bootstrap. out: a new folder for comparison.json, changed.csv and, where `images` names the data set (by
    name, with its `folder`, or by its path), a page that shows the changed images.
    Raises: DataError where a table cannot be read, no image is in both, or the two disagree about an image's label.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=COMPARISON_NAME)
    dataset = open_dataset(images, folder) if images else None
    if dataset is not None and out is None:
        raise UsageError("--images needs a folder for the page", fix="--out DIR")
    first, second = read_predictions(predictions_path(a)), read_predictions(predictions_path(b))
    pairs = _pairs(first, second, a, b)
    labels = paper_order({*first.labels, *second.labels})
    truth = np.array([labels.index(first.truth[i]) for i, _ in pairs])
    predicted_a = np.array([labels.index(first.predicted[i]) for i, _ in pairs])
    predicted_b = np.array([labels.index(second.predicted[j]) for _, j in pairs])
    result = Comparison(
        a=_model(a, first, confusion(truth, predicted_a, len(labels))),
        b=_model(b, second, confusion(truth, predicted_b, len(labels))),
        test=paired_test(truth, predicted_a, predicted_b, len(labels), seed=seed),
        classes=tuple(_classes(labels, truth, predicted_a == truth, predicted_b == truth)),
        changes=tuple(_changes(first, second, pairs)),
        warnings=tuple(_warnings(a, b, first, second)),
        collapsed=_is_collapsed(first) and _is_collapsed(second),
    )
    if out is not None:
        with replacing_folder(out) as temporary:
            _write(temporary, result)
            if dataset is not None:
                text = comparison_page(result, dataset)
                (temporary / COMPARISON_PAGE_NAME).write_text(text, encoding="utf-8", errors="replace")
    return result


def comparison_record(result: Comparison) -> dict[str, Any]:
    """Return all figures as plain values, without the list of images."""
    record = asdict(result)
    record["changed"] = {
        kind: sum(change.kind == kind for change in result.changes) for kind in ("gained", "lost", "neither")
    }
    del record["changes"]
    for model in ("a", "b"):
        record[model]["path"] = str(record[model]["path"])
    return record


def _pairs(first: PredictionTable, second: PredictionTable, a: Path, b: Path) -> list[tuple[int, int]]:
    """Rows of the images that both tables have, in A's order."""
    rows = {source: row for row, source in enumerate(second.sources)}
    pairs = [(row, rows[source]) for row, source in enumerate(first.sources) if source in rows]
    if not pairs:
        raise DataError(f"{a} and {b} have no image in common", fix="two evaluations of the same data set and split")
    disagreeing = [first.sources[i] for i, j in pairs if first.truth[i] != second.truth[j]]
    if disagreeing:
        raise DataError(
            f"{a} and {b} disagree about the label of {pluralize(len(disagreeing), 'image')}, e.g. {disagreeing[0]}",
            fix="evaluate both on the same data set again",
        )
    return pairs


def _model(path: Path, predictions: PredictionTable, matrix: NDArray[np.int64]) -> ComparedModel:
    """Score one side on the common images, which its confusion matrix counts."""
    common, result = int(matrix.sum()), _result(path)
    return ComparedModel(
        name=result.model.name if result else path.name,
        path=path,
        accuracy=overall_accuracy(matrix),
        accuracy_interval=wilson_interval(int(np.trace(matrix)), common),
        mean_accuracy=mean_class_accuracy(matrix),
        unpaired=len(predictions.sources) - common,
    )


def _classes(
    labels: Sequence[str], truth: NDArray[np.int64], right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]
) -> list[ClassComparison]:
    classes = []
    for index, name in enumerate(labels):
        in_class = truth == index
        only_a, only_b = int((in_class & right_a & ~right_b).sum()), int((in_class & right_b & ~right_a).sum())
        if in_class.any():
            classes.append(ClassComparison(name, int(in_class.sum()), only_a, only_b, mcnemar(only_a, only_b)[0]))
    return classes


def _changes(first: PredictionTable, second: PredictionTable, pairs: Sequence[tuple[int, int]]) -> list[ChangedImage]:
    changes = []
    for i, j in pairs:
        truth, label_a, label_b = first.truth[i], first.predicted[i], second.predicted[j]
        if label_a == label_b:
            continue
        kind: Literal["gained", "lost", "neither"] = (
            "gained" if label_b == truth else "lost" if label_a == truth else "neither"
        )
        probabilities = float(first.probabilities[i].max()), float(second.probabilities[j].max())
        changes.append(ChangedImage(first.sources[i], truth, label_a, label_b, *probabilities, kind))
    order = {"gained": 0, "lost": 1, "neither": 2}
    return sorted(changes, key=lambda change: (order[change.kind], -change.probability_b, change.source))


def _is_collapsed(table: PredictionTable) -> bool:
    """Whether all predictions are one class, though the images are of several."""
    return len(set(table.predicted)) == 1 and len(set(table.truth)) > 1


def _warnings(a: Path, b: Path, first: PredictionTable, second: PredictionTable) -> list[str]:
    warnings = [
        f"{path}: {one_class_text(table.predicted[0], len(table.predicted))}"
        for path, table in ((a, first), (b, second))
        if _is_collapsed(table)
    ]
    result_a, result_b = _result(a), _result(b)
    if result_a is None or result_b is None:
        return warnings
    if result_a.fingerprint != result_b.fingerprint:
        warnings.append(
            f"the two were measured on different data sets: {result_a.fingerprint} and {result_b.fingerprint}"
        )
    if result_a.main_score.split != result_b.main_score.split:
        splits = f"{result_a.main_score.split} and {result_b.main_score.split}"
        warnings.append(f"the two were measured on different splits: {splits}")
    return warnings


def _result(path: Path) -> ResultFile | None:
    """Read the result.json beside the predictions; None where there is none."""
    folder = path if path.is_dir() else path.parent
    return read_result(folder) if result_path(folder).is_file() else None


def _write(folder: Path, result: Comparison) -> None:
    write_json(folder / COMPARISON_NAME, comparison_record(result), allow_nan=False)
    head = ["source", "truth", "label_a", "label_b", "probability_a", "probability_b", "kind"]
    rows = [
        [c.source, c.truth, c.label_a, c.label_b, f"{c.probability_a:.6f}", f"{c.probability_b:.6f}", c.kind]
        for c in result.changes
    ]
    write_rows(folder / CHANGED_NAME, head, rows)
