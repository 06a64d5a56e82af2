"""When corrected shares are nearer to the truth: `python corrected_shares.py EVAL TEST...`, folders of fer eval --out.

EVAL has the confusion matrix. From the predictions of each TEST, images are drawn with replacement until classes have given
shares: those of the images themselves, 70 % neutral and the rest equally common, all equally common, and random ones. Prints how
far the shares of the predicted classes and the corrected ones are from the true ones: half the sum of the absolute
differences in %, the mean of 200 draws of 500 images.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.coding.correction import adjusted_shares
from fercli.evaluate.correction_file import read_correction
from fercli.evaluate.prediction_table import PredictionTable, read_predictions
from fercli.evaluate.result_file import predictions_path

DRAWS, IMAGES = 200, 500
KINDS = ("as the images", "70 % neutral", "equal", "random")


def shares_of(kind: str, counts: NDArray[np.int64], neutral: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the shares [N] of a kind; classes without images (counts [N]) have none."""
    present = counts > 0
    if kind == "as the images":
        return counts / counts.sum()
    if kind == "random":
        return random.dirichlet(np.ones(present.sum())) @ np.eye(len(counts))[present]
    shares = present / present.sum()
    if kind == "70 % neutral":
        shares = present * 0.3 / (present.sum() - 1)
        shares[neutral] = 0.7
    return shares


def errors(table: PredictionTable, classes: Sequence[str], matrix: NDArray[np.int64]) -> dict[str, tuple[float, float]]:
    """Return for every kind the error of the predicted and of the corrected shares, in %."""
    truth = np.array([classes.index(name) for name in table.truth])
    predicted = np.array([classes.index(name) for name in table.predicted])
    counts = np.bincount(truth, minlength=len(classes))
    random = np.random.default_rng(0)
    found = {}
    for kind in KINDS:
        distances = np.zeros((DRAWS, 2))
        for row in distances:
            wanted = random.multinomial(IMAGES, shares_of(kind, counts, classes.index("neutral"), random))
            drawn = np.concatenate([random.choice(np.flatnonzero(truth == index), number)
                                    for index, number in enumerate(wanted) if number])  # fmt: skip
            observed = np.bincount(predicted[drawn], minlength=len(classes)) / IMAGES
            corrected = adjusted_shares(observed, matrix.astype(float))
            row[:] = [np.abs(shares - wanted / IMAGES).sum() / 2 for shares in (observed, corrected)]
        found[kind] = tuple(100 * distances.mean(axis=0))
    return found


def main() -> None:
    source, *tests = map(Path, sys.argv[1:])
    tables = {test.name: read_predictions(predictions_path(test)) for test in tests}
    classes = next(iter(tables.values())).labels
    correction = read_correction(source, classes)
    print(f"confusion matrix: {correction.source}")
    print("| images | classes | predicted | corrected |\n|---|---|---|---|")
    for name, table in tables.items():
        for kind, (before, after) in errors(table, classes, correction.counts).items():
            print(f"| {name} | {kind} | {before:.1f} | {after:.1f} |")


if __name__ == "__main__":
    main()
