"""Check a data set: counts against the published ones, broken pictures, duplicates, alignment, changes since the last check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fercli.config.defaults import CROP_PX
from fercli.config.detect import DetectConfig
from fercli.config.templates import TEMPLATES
from fercli.config.templates import template as named_template
from fercli.data.check_findings import (
    CheckFinding,
    compare_counts,
    report_changes,
    report_duplicates,
    report_face_boxes,
    report_missing,
    report_position,
    report_unreadable,
)
from fercli.data.crop_folder import evenly_spaced
from fercli.data.crops import load_crop
from fercli.data.dataset import SPLITS, Dataset, Sample, Split
from fercli.data.duplicates import Duplicates, count_duplicates
from fercli.data.inspection import PictureInfo, inspect_pictures
from fercli.data.manifest import compare_manifest, manifest_rows, write_manifest
from fercli.data.open import open_dataset
from fercli.data.reader import Published
from fercli.data.readers import all_readers
from fercli.faces.detector import open_detector
from fercli.faces.position import FacePosition, face_position
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256

FACES = 200  # crops in which a face is searched
_BORDER_PX = 32  # added around a crop, as the detector misses a face that fills the picture


@dataclass(frozen=True)
class CheckResult:
    """The result of `check`.

    counts: labelled images per split and class; published: None for a data set without published counts.
    pictures: files or csv lines that were read; unreadable: those that could not be decoded.
    position: None where no face was searched or detected; searched: crops in which a face was searched.
    fingerprint: of the lists, as runs record it; manifest_sha256: of the manifest file.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    counts: Mapping[Split, Mapping[str, int]]
    published: Published | None
    pictures: int
    unreadable: int
    duplicates: Duplicates
    position: FacePosition | None
    searched: int
    findings: tuple[CheckFinding, ...]
    fingerprint: str | None
    manifest: Path
    manifest_sha256: str

    @property
    def errors(self) -> int:
        """Number of findings that are errors."""
        return sum(finding.severity == "error" for finding in self.findings)


def check(
    name: str,
    data: Path | None = None,
    *,
    manifest: Path | None = None,
    overwrite: bool = False,
    faces: int = FACES,
    device: str = "auto",
    progress: Progress = silent,
) -> CheckResult:
    """Read every picture of a data set and compare it with what is published.

    manifest: the csv file to write, NAME.manifest.csv by default; an existing one is compared with, and replaced only
    with `overwrite`. faces: number of crops, evenly spread over the data set, in which a face is searched; 0: none.
    Raises: DataError where the data set cannot be opened, or the manifest is not one.
    """
    dataset = open_dataset(name, data, option="fer data check", allow_missing=True)
    reader = all_readers().get(dataset.schema)
    published = reader.published if reader else None
    pictures = _read_pictures(dataset, progress)
    unreadable = [(s, p.error) for s, p in zip(dataset.samples, pictures, strict=True) if p.error]
    duplicates = _duplicates(dataset, pictures)
    findings = [
        *compare_counts(dataset, published),
        *report_missing(dataset),
        *report_unreadable(dataset, unreadable),
        *report_face_boxes(dataset, pictures),
        *report_duplicates(duplicates, published),
    ]
    position, searched = None, 0
    if faces:
        position, searched = _position(dataset, {sample for sample, _ in unreadable}, faces, device, progress)
        findings += report_position(position, searched, dataset.template)
    path = manifest or Path(f"{dataset.name}.manifest.csv")
    rows = manifest_rows(dataset, pictures)
    if path.exists() and not overwrite:
        findings += report_changes(path, compare_manifest(path, rows))
    else:
        write_manifest(path, rows)
    return CheckResult(
        name=dataset.name,
        root=dataset.root,
        labels=dataset.labels,
        counts={split: dataset.counts(split) for split in SPLITS if dataset.split(split)},
        published=published,
        pictures=len({(sample.path, sample.offset) for sample in dataset.samples}),
        unreadable=len({(sample.path, sample.offset) for sample, _ in unreadable}),
        duplicates=duplicates,
        position=position,
        searched=searched,
        findings=tuple(findings),
        fingerprint=dataset.fingerprint,
        manifest=path,
        manifest_sha256=file_sha256(path),
    )


def _read_pictures(dataset: Dataset, progress: Progress) -> list[PictureInfo]:
    """One result for every sample; a picture with several faces is read once."""
    first = {(sample.path, sample.offset): sample for sample in dataset.samples}
    pictures: dict[tuple[Path, int | None], PictureInfo] = {}
    inspected = inspect_pictures(list(first.values()))
    for done, (key, picture) in enumerate(zip(first, inspected, strict=True), start=1):
        pictures[key] = picture
        progress(done, len(first), "reading")
    return [pictures[sample.path, sample.offset] for sample in dataset.samples]


def _duplicates(dataset: Dataset, pictures: Sequence[PictureInfo]) -> Duplicates:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample, picture in zip(dataset.samples, pictures, strict=True):
        if picture.pixels_sha256 is not None:
            groups[picture.pixels_sha256].append(sample)
    # faces of one picture are not duplicates of each other
    several = (group for group in groups.values() if len({(sample.path, sample.offset) for sample in group}) > 1)
    return count_duplicates([(sample.split, sample.label) for sample in group] for group in several)


def _position(
    dataset: Dataset, unreadable: set[Sample], count: int, device: str, progress: Progress
) -> tuple[FacePosition | None, int]:
    """The position of the faces in evenly spread crops, and the number of crops that were searched."""
    usable = [sample for sample in dataset.samples if sample not in unreadable]
    if not usable:
        return None, 0
    chosen = evenly_spaced(usable, count)
    # the limits of `FacePosition` were measured with MTCNN
    detector = open_detector(DetectConfig(detector="mtcnn", min_face_px=CROP_PX // 4), device)
    landmarks = []
    for done, sample in enumerate(chosen, start=1):
        crop = np.pad(
            load_crop(sample, CROP_PX), ((_BORDER_PX, _BORDER_PX), (_BORDER_PX, _BORDER_PX), (0, 0)), mode="edge"
        )
        faces = detector.detect([crop])[0]
        if faces:
            landmarks.append((np.array(faces[0].landmarks) - _BORDER_PX) / CROP_PX)  # of the largest face
        progress(done, len(chosen), "searching faces")
    if not landmarks:
        return None, len(chosen)
    known = {template.name: template for template in (*TEMPLATES.values(), named_template(dataset.template))}
    return face_position(landmarks, known.values()), len(chosen)
