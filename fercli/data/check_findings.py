"""Errors and warnings of `fer data check`, one function for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.data.dataset import SPLITS, Dataset, Sample
from fercli.data.duplicates import Duplicates
from fercli.data.inspection import PictureInfo
from fercli.data.manifest import ManifestChanges
from fercli.data.reader import Published
from fercli.faces.position import FacePosition
from fercli.formatting import pluralize
from fercli.results import Box

_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class CheckFinding:
    """One problem of a data set. error: it is not the published data set, or not usable as it is; warning: worth knowing."""

    severity: Literal["error", "warning"]
    message: str


def compare_counts(dataset: Dataset, published: Published | None) -> list[CheckFinding]:
    """Return the differences from the published counts; empty classes of a data set without any."""
    if published is None:
        return []
    findings = []
    expected: dict[str, Mapping[str, int]] = dict(published.counts.items())
    counts: dict[str, Mapping[str, int]] = {split: dataset.counts(split) for split in published.counts}
    if published.total:
        expected["all"] = published.total
        counts["all"] = {label: sum(dataset.counts(split)[label] for split in SPLITS) for label in dataset.labels}
    for split, classes in expected.items():
        differing = [
            f"{label} {counts[split][label]} instead of {count}"
            for label, count in classes.items()
            if counts[split][label] != count
        ]
        if differing:
            message = (
                f"{split}: {pluralize(sum(counts[split].values()), 'image')}, published are {sum(classes.values()):,} "
                f"({', '.join(differing)})"
            )
            unconfirmed = "; the published counts are not confirmed"
            findings.append(_error(message) if published.certain else _warning(message + unconfirmed))
    if not expected:
        empty = [label for label in dataset.labels if not sum(dataset.counts(split)[label] for split in SPLITS)]
        if empty:
            findings.append(_error(f"no image of {', '.join(empty)}"))
    without_file = sum(dataset.without_file.values())
    if without_file:
        findings.append(_warning(f"{pluralize(without_file, 'labelled image')} without a file: no face was detected"))
    return findings


def report_missing(dataset: Dataset) -> list[CheckFinding]:
    """Return the images that the official lists name and that do not exist."""
    missing = dataset.missing
    return [_error(f"{pluralize(len(missing), 'listed image')} missing: {_first(missing)}")] if missing else []


def report_unreadable(dataset: Dataset, unreadable: Sequence[tuple[Sample, str | None]]) -> list[CheckFinding]:
    """Return the pictures that cannot be decoded, with the reason."""
    if not unreadable:
        return []
    reasons = [f"{sample.called(dataset.root)}: {error}" for sample, error in unreadable]
    return [_error(f"{pluralize(len(unreadable), 'image')} cannot be read: {_first(reasons)}")]


def report_face_boxes(dataset: Dataset, pictures: Sequence[PictureInfo]) -> list[CheckFinding]:
    """Return the faces whose box or landmarks are outside their picture."""
    outside, landmarks_outside = [], []
    for sample, picture in zip(dataset.samples, pictures, strict=True):
        if picture.size_wh is None or (sample.box_xyxy is None and sample.landmarks is None):
            continue
        x, y = zip(*sample.landmarks, strict=True) if sample.landmarks else ((), ())
        box: Box = sample.box_xyxy or (min(x), min(y), max(x), max(y))
        width, height = picture.size_wh
        name = sample.called(dataset.root)
        if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
            outside.append(name)
        elif sample.landmarks and (min(x) < 0 or min(y) < 0 or max(x) > width or max(y) > height):
            landmarks_outside.append(name)
    findings = []
    if outside:
        findings.append(_error(f"{pluralize(len(outside), 'face')} outside the picture: {_first(outside)}"))
    if landmarks_outside:
        names = _first(landmarks_outside)
        findings.append(
            _warning(f"{pluralize(len(landmarks_outside), 'face')} with landmarks outside the picture: {names}")
        )
    return findings


def report_duplicates(duplicates: Duplicates, published: Published | None) -> list[CheckFinding]:
    """Return findings about duplicates: more images that also occur in train than are known, or different labels."""
    findings = []
    for split, count in duplicates.in_train.items():
        known = published.duplicates.get(split, 0) if published else 0
        if count > known:
            also = "also occurs" if count == 1 else "also occur"
            findings.append(_warning(f"{pluralize(count, f'{split} image')} {also} in train (known: {known})"))
    if duplicates.conflicting:
        occur = "occurs" if duplicates.conflicting == 1 else "occur"
        pictures = pluralize(duplicates.conflicting, "picture")
        findings.append(_warning(f"{pictures} {occur} more than once with different labels"))
    return findings


def report_position(position: FacePosition | None, searched: int, expected: str) -> list[CheckFinding]:
    """Return how the crops differ from those that a model of this data set gets when it predicts."""
    faces = position.faces if position else 0
    findings = []
    if searched and 2 * faces < searched:
        findings.append(_warning(f"a face was detected in only {faces} of {searched} images: are they face crops?"))
    if position and not (position.known and position.template == expected):
        actual = f"follow the template {position.template}" if position.known else "follow no crop template"
        findings.append(_warning(f"the face positions {actual}, expected: {expected}; fer align aligns them"))
    elif position and expected != "fer2013" and not position.aligned:  # FER2013's own images are not aligned
        findings.append(_warning("the faces are not aligned; fer align aligns them"))
    return findings


def report_changes(path: Path, changes: ManifestChanges) -> list[CheckFinding]:
    """Return the images that were changed, removed or added since the manifest was written."""
    parts = [
        f"{len(names)} {kind} ({_first(names)})"
        for kind, names in (("changed", changes.changed), ("removed", changes.removed), ("added", changes.added))
        if names
    ]
    return [_error(f"since {path} was written: {', '.join(parts)}")] if parts else []


def _error(message: str) -> CheckFinding:
    return CheckFinding("error", message)


def _warning(message: str) -> CheckFinding:
    return CheckFinding("warning", message)


def _first(names: Sequence[str]) -> str:
    return "; ".join(names[:_SHOWN]) + (f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
