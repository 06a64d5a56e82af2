"""A classifier and a data set's images in, accuracy against the severity of each degradation out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample
from fercli.evaluate.answers import Answers, answers_on
from fercli.evaluate.degrade import DEGRADATIONS, Kind, degrade
from fercli.evaluate.results import Curve, Score, SeverityScore, score_of
from fercli.media.images import Rgb
from fercli.progress import Progress
from fercli.weights.classifier import Classifier


def curves_of(
    classifier: Classifier,
    dataset: Dataset,
    answers: Answers,
    kinds: Sequence[Kind],
    *,
    images: int | None,
    seed: int,
    batch: int,
    progress: Progress,
) -> tuple[Curve, ...]:
    """Score every severity of every kind on the same images: all that were answered, or `images` drawn by `seed`."""
    places = chosen_places(len(answers.samples), images, seed=seed)
    samples = [answers.samples[place] for place in places]
    clean = score_of(answers.confusion(places), seed=seed)
    total = sum(len(DEGRADATIONS[kind].severities) for kind in kinds) * len(samples)
    curves, done = [], 0
    for kind in kinds:
        points = []
        for severity in DEGRADATIONS[kind].severities:

            def change(place: int, rgb: Rgb, *, kind: Kind = kind, severity: float = severity) -> Rgb:
                return degrade(rgb, kind, severity, seed=image_seed(samples[place].called(dataset.root), seed))

            def report(part: int, _: int | None, __: str = "", *, done: int = done, kind: Kind = kind) -> None:
                progress(done + part, total, kind)

            worse = answers_on(
                classifier,
                dataset,
                samples,
                batch=batch,
                change=change,
                flip=answers.mirrored is not None,
                progress=report,
            )
            points.append(SeverityScore(severity, score_of(worse.confusion(), seed=seed)))
            done += len(samples)
        curves.append(Curve(kind, DEGRADATIONS[kind].unit, clean, tuple(points)))
    return tuple(curves)


def chosen_places(total: int, images: int | None, *, seed: int) -> list[int]:
    """All places, or as many as asked drawn without replacement, in order."""
    if images is None or images >= total:
        return list(range(total))
    return sorted(np.random.default_rng(seed).choice(total, images, replace=False).tolist())


def image_seed(name: str, seed: int) -> int:
    """A seed of its own for every image, which neither its place in the data set nor the choice of images changes."""
    return zlib.crc32(f"{seed} {name}".encode())


def example(sample: Sample, root: Path, kind: Kind, *, side: int, seed: int) -> list[Rgb]:
    """One crop as it is and at every severity, as it was scored, shown at another size: uint8 [side, side, 3] each."""
    own = image_seed(sample.called(root), seed)
    changes = [partial(degrade, kind=kind, severity=severity, seed=own) for severity in DEGRADATIONS[kind].severities]
    return [load_crop(sample, side), *(load_crop(sample, side, change=change) for change in changes)]


def falls(curve: Curve) -> list[tuple[float | None, Score]]:
    """The curve's rows, the clean one first with no severity."""
    return [(None, curve.clean), *((point.severity, point.score) for point in curve.points)]
