"""Accuracy of a classifier against the severity of each degradation of a data set's images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample
from fercli.evaluate.dataset_predictions import DatasetPredictions, predict_samples
from fercli.evaluate.degrade import DEGRADATIONS, Kind, degrade
from fercli.evaluate.results import DegradationCurve, SeverityScore
from fercli.media.images import Rgb
from fercli.progress import Progress
from fercli.weights.classifier import Classifier


def degradation_curves(
    classifier: Classifier,
    dataset: Dataset,
    predictions: DatasetPredictions,
    kinds: Sequence[Kind],
    *,
    images: int | None,
    seed: int,
    batch_size: int,
    progress: Progress,
) -> tuple[DegradationCurve, ...]:
    """Score every severity of every kind on the same images: all that were predicted, or `images` sampled by `seed`."""
    indices = sample_indices(len(predictions.samples), images, seed=seed)
    samples = [predictions.samples[index] for index in indices]
    clean = predictions.score(indices, seed=seed)
    total = sum(len(DEGRADATIONS[kind].severities) for kind in kinds) * len(samples)
    curves, done = [], 0
    for kind in kinds:
        points = []
        for severity in DEGRADATIONS[kind].severities:

            def change(index: int, rgb: Rgb, *, kind: Kind = kind, severity: float = severity) -> Rgb:
                return degrade(rgb, kind, severity, seed=image_seed(samples[index].called(dataset.root), seed))

            def report(part: int, _: int | None, __: str = "", *, done: int = done, kind: Kind = kind) -> None:
                progress(done + part, total, kind)

            degraded = predict_samples(
                classifier,
                dataset,
                samples,
                batch_size=batch_size,
                change=change,
                flip=predictions.flipped is not None,
                progress=report,
            )
            points.append(SeverityScore(severity, degraded.score(seed=seed)))
            done += len(samples)
        curves.append(DegradationCurve(kind, DEGRADATIONS[kind].unit, clean, tuple(points)))
    return tuple(curves)


def sample_indices(total: int, images: int | None, *, seed: int) -> list[int]:
    """Return all indices, or the requested number sampled without replacement, in order."""
    if images is None or images >= total:
        return list(range(total))
    return sorted(np.random.default_rng(seed).choice(total, images, replace=False).tolist())


def image_seed(name: str, seed: int) -> int:
    """Derive an image's own seed, which depends neither on its index in the data set nor on the choice of images."""
    return zlib.crc32(f"{seed} {name}".encode())


def example(sample: Sample, root: Path, kind: Kind, *, side: int, seed: int) -> list[Rgb]:
    """Load one crop undegraded and at every severity, as it was scored, at another size: uint8 [side, side, 3] each."""
    own = image_seed(sample.called(root), seed)
    changes = [partial(degrade, kind=kind, severity=severity, seed=own) for severity in DEGRADATIONS[kind].severities]
    return [load_crop(sample, side), *(load_crop(sample, side, change=change) for change in changes)]
