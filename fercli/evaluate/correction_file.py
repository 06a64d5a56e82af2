"""Read the confusion matrix that corrects shares of time (`--confusion`) from a result of `fer eval`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fercli.coding.correction import Correction
from fercli.errors import DataError
from fercli.evaluate.result_file import read_result
from fercli.weights.conventions import describe_convention


def read_correction(path: Path, classes: Sequence[str]) -> Correction:
    """Read the matrix of a folder of `fer eval --out`, or of its result.json, for rows with these classes.

    Raises: DataError for any other file, and for a matrix that lacks one of the classes or images of it.
    """
    result = read_result(path)
    score, model = result.main_score, result.model
    missing = [name for name in classes if not score.class_images.get(name)]
    if missing:
        raise DataError(
            f"{path}: no images of {', '.join(missing)}, so the errors for it are unknown",
            fix="evaluate on a data set with images of every class of the model",
        )
    order = [score.labels.index(name) for name in classes]
    source = f"{model.name} {model.version} on the {score.split} split of {result.dataset} ({score.images:,} images)"
    return Correction(
        tuple(classes),
        np.array(score.confusion, np.int64)[np.ix_(order, order)],
        source,
        f"{model.name}, version {model.version}",
        {
            "label convention": None if model.convention is None else describe_convention(model.convention),
            "class shares": model.prior,
            "test-time augmentation": result.test_time_augmentation,
        },
    )
