"""Find the pictures of a data set that cannot be decoded, before a run depends on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fercli.data.dataset import Dataset, Sample
from fercli.data.inspection import picture_errors_of
from fercli.errors import DataError
from fercli.formatting import pluralize

_SHOWN = 10  # files that a message names


def require_readable(samples: Sequence[Sample], root: Path) -> None:
    """Read every picture once. Raises: DataError that names the files that cannot be decoded."""
    unreadable = unreadable_samples(samples)
    if not unreadable:
        return
    named = [f"{sample.called(root)} ({error})" for sample, error in unreadable[:_SHOWN]]
    more = f" and {len(unreadable) - _SHOWN} more" if len(unreadable) > _SHOWN else ""
    raise DataError(
        f"{len(unreadable)} of {pluralize(len(samples), 'picture')} cannot be read: {', '.join(named)}{more}",
        fix="--skip-unreadable leaves them out; or repair them (fer data check lists all)",
    )


def unreadable_samples(samples: Sequence[Sample]) -> list[tuple[Sample, str]]:
    """Return the samples whose picture cannot be decoded, with the reason; every picture is read once."""
    first = {(sample.path, sample.offset): sample for sample in samples}
    errors = dict(zip(first, picture_errors_of(list(first.values())), strict=True))
    return [(sample, error) for sample in samples if (error := errors[sample.path, sample.offset]) is not None]


def without_unreadable(dataset: Dataset) -> Dataset:
    """Return the data set without the pictures that cannot be decoded; its fingerprint depends on what was excluded."""
    unreadable = {id(sample) for sample, _ in unreadable_samples(dataset.samples)}
    if not unreadable:
        return dataset
    left_out = [sample.called(dataset.root) for sample in dataset.samples if id(sample) in unreadable]
    marks = repr((dataset.fingerprint, left_out))
    return replace(
        dataset,
        name=f"{dataset.name} without {pluralize(len(left_out), 'unreadable picture')}",
        samples=tuple(sample for sample in dataset.samples if id(sample) not in unreadable),
        fingerprint=hashlib.sha256(marks.encode("utf-8", "surrogateescape")).hexdigest(),
    )
