"""Shares of time corrected for a known confusion matrix (adjusted counts).

The time that was predicted as each class is a mixture of the rows of the confusion matrix, with the true shares as weights. The
corrected shares are the weights on the probability simplex that fit it best (least squares, as Hopkins and King 2010 for
several classes; for two it is the adjusted count of Forman 2008).
Letters: N classes, B blocks of time, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fercli.coding.recordings import Recording, Track
from fercli.errors import UsageError
from fercli.formatting import percents
from fercli.rows.run_record import RunRecord

SETTING = "shares corrected by the confusion matrix of"
BLOCK_S = 10.0  # predictions of one moment depend on each other, so blocks of time are resampled
MIN_BLOCKS = 4  # with fewer there is no interval
RESAMPLES = 500
_SUM_WEIGHT = 1e4  # of the equation that shares add up to 1, against those of the classes


@dataclass(frozen=True)
class Correction:
    """A confusion matrix for the correction, and what it was measured with.

    classes: names. counts: [N, N], rows are the true classes, every one with images. source: the weights and images, as a text.
    weights, settings: what rows must agree with, in the form of RunRecord; None in settings: the setting is absent.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    source: str
    weights: str
    settings: Mapping[str, str | None] = field(default_factory=dict)

    def check(self, run: RunRecord) -> None:
        """Raise UsageError if the rows of a run have other errors: other weights, another setting, or a baseline."""
        fix = "fer eval with the weights and options of the rows, or omit --confusion"
        if run.weights is not None and run.weights != self.weights:
            raise UsageError(f"the confusion matrix is of {self.weights}, the rows are of {run.weights}", fix=fix)
        for name, value in self.settings.items() if run.settings else ():
            if run.settings.get(name) != value:
                other = run.settings.get(name) or "off"
                raise UsageError(f"{name} of the confusion matrix: {value or 'off'}; of the rows: {other}", fix=fix)
        if run.settings.get("baseline", "off") != "off":
            raise UsageError("a baseline changes the predictions, so the confusion matrix does not hold", fix=fix)

    def as_settings(self) -> dict[str, str]:
        """Return what a table of corrected shares states."""
        return {SETTING: self.source}


@dataclass(frozen=True)
class CorrectedShares:
    """Corrected shares [N], which add up to 1. low, high: 95 % bootstrap interval [N]; None where there is too little time."""

    shares: NDArray[np.float64]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None


def adjusted_shares(observed: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the class shares [N] that explain best how often every class was predicted.

    observed: [N] shares of the predicted classes. matrix: [N, N] counts or shares, rows are the true classes.
    """
    from scipy.optimize import nnls

    count = len(observed)
    rates = matrix / matrix.sum(axis=1, keepdims=True)  # [N, N]
    equations = np.vstack([rates.T, np.full((1, count), _SUM_WEIGHT)])  # [N + 1, N]
    weights, _ = nnls(equations, np.append(observed, _SUM_WEIGHT))
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def corrected_shares(
    recording: Recording, tracks: Sequence[Track], correction: Correction, *, seed: int = 0
) -> CorrectedShares | None:
    """Correct the shares of the time in which people are in view; None if nobody is.

    Every face counts with its most probable class, uncertain ones too; those that are too small or perhaps no faces do not.
    The interval resamples the images of the matrix within their true classes, and blocks of 10 s of every person.
    """
    blocks = _blocks(recording, tracks)  # [B, N]
    if not blocks.sum() > 0:
        return None
    order = [correction.classes.index(name) for name in recording.classes]
    counts = correction.counts[np.ix_(order, order)]
    shares = adjusted_shares(blocks.sum(axis=0) / blocks.sum(), counts.astype(float))
    if len(blocks) < MIN_BLOCKS:
        return CorrectedShares(shares, None, None)
    random = np.random.default_rng(seed)
    images = counts.sum(axis=1)
    resampled = np.empty((RESAMPLES, len(shares)))
    for row in resampled:
        seconds = blocks[random.integers(len(blocks), size=len(blocks))].sum(axis=0)
        drawn = random.multinomial(images, counts / images[:, None]).astype(float)
        row[:] = adjusted_shares(seconds / seconds.sum(), drawn)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return CorrectedShares(shares, low, high)


def corrected_texts(found: CorrectedShares) -> list[str]:
    """Return the corrected shares [N] in percent, without the unit, with their intervals in brackets: `34 (30 to 38)`."""
    shares = [text.removesuffix(" %") for text in percents(found.shares.tolist())]
    if found.low is None or found.high is None:
        return shares
    ends = zip((100 * found.low).tolist(), (100 * found.high).tolist(), strict=True)
    return [f"{share} ({low:.0f} to {high:.0f})" for share, (low, high) in zip(shares, ends, strict=True)]


def _blocks(recording: Recording, tracks: Sequence[Track]) -> NDArray[np.float64]:
    """Return the seconds of every predicted class in every block of every person that has any: [B, N]."""
    found: list[NDArray[np.float64]] = []
    classes = len(recording.classes)
    for track in tracks:
        usable = ~track.unreliable
        frames, labels = track.frames[usable], track.labels[usable]
        if not len(frames):
            continue
        _, block = np.unique(
            ((recording.begin_s[frames] - recording.begin_s[0]) / BLOCK_S).astype(int), return_inverse=True
        )
        cells = np.zeros((block.max() + 1, classes))
        np.add.at(cells, (block, labels), recording.seconds[frames])
        found.append(cells)
    blocks = np.concatenate(found) if found else np.zeros((0, classes))
    return blocks[blocks.sum(axis=1) > 0]
