"""A data set in; what was found against what is published, broken files, copies, alignment and a manifest out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fercli.config.detect import DetectConfig
from fercli.config.templates import TEMPLATES
from fercli.config.templates import template as named_template
from fercli.data.crops import load_crop
from fercli.data.inspection import Picture, inspect_pictures
from fercli.data.manifest import compare_manifest, manifest_rows, write_manifest
from fercli.data.open import SPLITS, Dataset, Sample, Split, open_dataset
from fercli.data.published import PUBLISHED, Published
from fercli.faces.detector import open_detector
from fercli.faces.position import FacePosition, face_position
from fercli.progress import Progress, silent
from fercli.results import Box
from fercli.system.digest import file_sha256

FACES = 200  # crops that the position of faces is judged by
_CROP, _BORDER = (
    224,
    32,
)  # px: crops are looked at in this size, with a border, as a face that fills a picture is missed
_FEW = 5  # names that a finding shows


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. fault: the data set is not what it claims to be; otherwise a warning."""

    fault: bool
    what: str


@dataclass(frozen=True)
class Copies:
    """Pictures that show exactly the same.

    groups: how many different pictures occur more than once. in_train: images of another split that are in train too.
    conflicting: groups whose labels differ.
    """

    groups: int
    in_train: Mapping[Split, int]
    conflicting: int


@dataclass(frozen=True)
class CheckResult:
    """What `check` found. counts: labelled images per split and class; published: None where nothing is.

    pictures: files or csv lines that were read, unreadable: those that could not be. position: None where no face was
    looked for or found. fingerprint: of the lists, as runs record it; manifest_sha256: of the manifest's file.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    counts: Mapping[Split, Mapping[str, int]]
    published: Published | None
    pictures: int
    unreadable: int
    copies: Copies
    position: FacePosition | None
    looked_at: int
    findings: tuple[Finding, ...]
    fingerprint: str | None
    manifest: Path
    manifest_sha256: str

    @property
    def faults(self) -> int:
        """Number of findings that are faults."""
        return sum(finding.fault for finding in self.findings)


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
    """Read every picture of a data set and compare what is there with what is published.

    manifest: the csv file to write, NAME.manifest.csv by default; one that is there is compared with, and replaced only
    with `overwrite`. faces: crops, spread over the data set, in which a face is looked for; 0 leaves it out.
    Errors: DataError where the data set cannot be opened, or the manifest is none.
    """
    missing: list[str] = []
    dataset = open_dataset(name, data, missing=missing)
    published = PUBLISHED.get(dataset.schema)
    pictures = _read_pictures(dataset, progress)
    broken = [(s, p.fault) for s, p in zip(dataset.samples, pictures, strict=True) if p.fault]
    copies = _copies(dataset, pictures)
    findings = [
        *_of_counts(dataset, published),
        *_of_missing(missing),
        *_of_pictures(dataset, broken),
        *_of_places(dataset, pictures),
        *_of_copies(copies, published),
    ]
    position, looked_at = None, 0
    if faces:
        position, looked_at = _position(dataset, {sample for sample, _ in broken}, faces, device, progress)
        findings += _of_position(position, looked_at, dataset.template)
    path = manifest or Path(f"{dataset.name}.manifest.csv")
    rows = manifest_rows(dataset, pictures)
    if path.exists() and not overwrite:
        findings += _of_changes(path, rows)
    else:
        write_manifest(path, rows)
    return CheckResult(
        name=dataset.name,
        root=dataset.root,
        labels=dataset.labels,
        counts={split: dataset.counts(split) for split in SPLITS if dataset.split(split)},
        published=published,
        pictures=len({(sample.path, sample.offset) for sample in dataset.samples}),
        unreadable=len({(sample.path, sample.offset) for sample, _ in broken}),
        copies=copies,
        position=position,
        looked_at=looked_at,
        findings=tuple(findings),
        fingerprint=dataset.fingerprint,
        manifest=path,
        manifest_sha256=file_sha256(path),
    )


def _read_pictures(dataset: Dataset, progress: Progress) -> list[Picture]:
    """One picture for every sample; a picture that several faces are cut from is read once."""
    first = {(sample.path, sample.offset): sample for sample in dataset.samples}
    found: dict[tuple[Path, int | None], Picture] = {}
    for done, (place, picture) in enumerate(zip(first, inspect_pictures(list(first.values())), strict=True), start=1):
        found[place] = picture
        progress(done, len(first), "reading")
    return [found[sample.path, sample.offset] for sample in dataset.samples]


def _of_counts(dataset: Dataset, published: Published | None) -> list[Finding]:
    """Differences from what is published; empty classes of a named data set."""
    if published is None:
        return []
    findings = []
    expected: dict[str, Mapping[str, int]] = dict(published.counts.items())
    counts: dict[str, Mapping[str, int]] = {split: dataset.counts(split) for split in published.counts}
    if published.total:
        expected["all"] = published.total
        counts["all"] = {label: sum(dataset.counts(split)[label] for split in SPLITS) for label in dataset.labels}
    for split, classes in expected.items():
        off = [f"{label} {counts[split][label]} for {n}" for label, n in classes.items() if counts[split][label] != n]
        if off:
            found, total = sum(counts[split].values()), sum(classes.values())
            told = f"{split}: {found} images, published are {total} ({', '.join(off)})"
            findings.append(
                Finding(published.certain, told if published.certain else f"{told}; the source is not sure")
            )
    if not expected:
        missing = [label for label in dataset.labels if not sum(dataset.counts(split)[label] for split in SPLITS)]
        if missing:
            findings.append(Finding(True, f"no image of {', '.join(missing)}"))
    unwritten = sum(dataset.unwritten.values())
    if unwritten:
        findings.append(Finding(False, f"{unwritten} labelled images have no file: no face was found in them"))
    return findings


def _of_missing(missing: Sequence[str]) -> list[Finding]:
    return [Finding(True, f"{len(missing)} images of the lists have no file: {_some(missing)}")] if missing else []


def _of_pictures(dataset: Dataset, broken: Sequence[tuple[Sample, str | None]]) -> list[Finding]:
    if not broken:
        return []
    told = [f"{sample.called(dataset.root)}: {fault}" for sample, fault in broken]
    return [Finding(True, f"{len(broken)} images cannot be read: {_some(told)}")]


def _of_places(dataset: Dataset, pictures: Sequence[Picture]) -> list[Finding]:
    """Faces whose box or landmarks do not lie in their picture."""
    outside, beyond = [], []
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
            beyond.append(name)
    findings = []
    if outside:
        findings.append(Finding(True, f"{len(outside)} faces lie outside their picture: {_some(outside)}"))
    if beyond:
        findings.append(Finding(False, f"{len(beyond)} faces have landmarks outside their picture: {_some(beyond)}"))
    return findings


def _copies(dataset: Dataset, pictures: Sequence[Picture]) -> Copies:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample, picture in zip(dataset.samples, pictures, strict=True):
        if picture.pixels_sha256 is not None:
            groups[picture.pixels_sha256].append(sample)
    copied = [group for group in groups.values() if len({(sample.path, sample.offset) for sample in group}) > 1]
    in_train = {
        split: sum(
            sample.split == split and sample.label is not None
            for group in copied
            if any(other.split == "train" for other in group)
            for sample in group
        )
        for split in SPLITS[1:]
    }
    differing = sum(len({sample.label for sample in group if sample.label is not None}) > 1 for group in copied)
    return Copies(len(copied), in_train, differing)


def _of_copies(copies: Copies, published: Published | None) -> list[Finding]:
    findings = []
    for split, count in copies.in_train.items():
        known = published.copies.get(split, 0) if published else 0
        if count > known:
            findings.append(Finding(False, f"{count} {split} images are in train too ({known} are known to be)"))
    if copies.conflicting:
        findings.append(Finding(False, f"{copies.conflicting} pictures occur more than once with different labels"))
    return findings


def _position(
    dataset: Dataset, broken: set[Sample], wanted: int, device: str, progress: Progress
) -> tuple[FacePosition | None, int]:
    """Where the faces of evenly spread crops lie, and how many crops were looked at."""
    usable = [sample for sample in dataset.samples if sample not in broken]
    if not usable:
        return None, 0
    chosen = [usable[place] for place in np.unique(np.linspace(0, len(usable) - 1, wanted).round().astype(int))]
    detector = open_detector(DetectConfig(min_face_px=_CROP // 4), device)
    found = []
    for number, sample in enumerate(chosen, start=1):
        crop = np.pad(load_crop(sample, _CROP), ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0)), mode="edge")
        faces = detector.detect([crop])[0]
        if faces:
            found.append((np.array(faces[0].landmarks) - _BORDER) / _CROP)  # the largest
        progress(number, len(chosen), "looking for faces")
    if not found:
        return None, len(chosen)
    known = {template.name: template for template in (*TEMPLATES.values(), named_template(dataset.template))}
    return face_position(found, known.values()), len(chosen)


def _of_position(position: FacePosition | None, looked_at: int, expected: str) -> list[Finding]:
    """What makes the crops unlike those that a model of this data set will see when it predicts."""
    found = position.faces if position else 0
    findings = []
    if looked_at and 2 * found < looked_at:
        findings.append(Finding(False, f"a face was found in {found} of {looked_at} images only: are they face crops?"))
    if position and not (position.known and position.template == expected):
        where = f"as {position.template} has them" if position.known else "as no crop template has them"
        findings.append(Finding(False, f"the faces lie {where}, not as {expected}; fer align brings them there"))
    elif position and expected != "fer2013" and not position.aligned:  # whose template is that of faces as they come
        findings.append(Finding(False, "the faces were not brought into one position; fer align does that"))
    return findings


def _of_changes(path: Path, rows: Sequence[Sequence[str]]) -> list[Finding]:
    changes = compare_manifest(path, rows)
    told = [
        f"{len(names)} {kind} ({_some(names)})"
        for kind, names in (("changed", changes.changed), ("gone", changes.gone), ("new", changes.new))
        if names
    ]
    return [Finding(True, f"since {path} was written: {', '.join(told)}")] if told else []


def _some(names: Sequence[str]) -> str:
    return "; ".join(names[:_FEW]) + (f"; and {len(names) - _FEW} more" if len(names) > _FEW else "")
