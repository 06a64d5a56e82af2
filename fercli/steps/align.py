"""A folder of pictures in, the same tree of aligned face crops out, with a record of what happened to every picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from fercli.core.geometry import Matrix
from fercli.errors import DataError, RefusedError, UsageError
from fercli.media.crop import crop_face, crop_whole
from fercli.media.faces import FaceDetector, detector_version
from fercli.media.images import WRITABLE_SUFFIXES, Rgb, list_images, read_rgb, write_image
from fercli.progress import Progress, silent
from fercli.results import Face
from fercli.store.alignment import (
    Alignment,
    AlignRow,
    AlignSettings,
    Journal,
    Transform,
    carry_dataset,
    read_alignment,
    write_rows,
    write_settings,
)
from fercli.templates import template as named_template

_SURE = 0.9  # detector's score
_CHUNK_FILES = 256
_CHUNK_PIXELS = 24_000_000  # pictures held in memory at once


@dataclass(frozen=True)
class AlignSummary:
    """What a run found. Counts are pictures; `resumed` of them were done by an earlier run."""

    target: Path
    settings: AlignSettings
    found: int
    no_face: int
    unreadable: tuple[AlignRow, ...]
    crops: int
    resumed: int
    is_dataset: bool


def align(
    source: Path,
    target: Path,
    *,
    size: int = 224,
    template: str = "arcface",
    margin: float = 0.0,
    min_face: int = 20,
    faces: Literal["largest", "center", "all"] = "largest",
    on_no_face: Literal["keep", "skip"] = "keep",
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> AlignSummary:
    """Align every picture below `source` into `target`; what an earlier run with equal settings finished is not redone.

    Options as in AlignSettings; overwrite replaces a run with other settings.
    Raises: DataError if there is nothing to read, UsageError for settings that make no sense,
    RefusedError if `target` holds a run with other settings or anything else.
    """
    settings = AlignSettings(detector_version(), size, template, margin, min_face, faces, on_no_face)
    pictures = list_images(source)
    if not pictures:
        raise DataError(f"{source} has no pictures", fix="give the folder that holds them, at any depth")
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target} lies inside {source}", fix="give an output folder beside it")
    done = _earlier_rows(source, target, settings, overwrite=overwrite)
    todo = [picture for picture in pictures if picture.relative_to(source).as_posix() not in done]
    rows = [row for of_picture in done.values() for row in of_picture]
    write_settings(target, settings)
    with Journal(target) as journal:
        if todo:
            aligner = _Aligner(source, target, settings, FaceDetector(device, min_face))
            for new in aligner.run(todo, done=len(pictures) - len(todo), progress=progress):
                journal.append(new)
                rows += new
    return _finish(source, target, Alignment(settings, tuple(rows)), resumed=len(pictures) - len(todo))


class _Aligner:
    """Reads, detects, crops and writes one chunk of pictures after the other."""

    def __init__(self, source: Path, target: Path, settings: AlignSettings, detector: FaceDetector) -> None:
        self.source, self.target, self.settings, self.detector = source, target, settings, detector
        self.template = named_template(settings.template)

    def run(self, pictures: Sequence[Path], *, done: int, progress: Progress) -> Iterator[list[AlignRow]]:
        """Yield the rows of each chunk once its crops are written."""
        total = done + len(pictures)
        for chunk in _chunks(pictures):
            readable = [(path, rgb) for path, rgb, _ in chunk if rgb is not None]
            found = self.detector.detect([rgb for _, rgb in readable])
            rows = [
                AlignRow(self._name(path), "unreadable", reason=reason)
                for path, _, reason in chunk
                if reason is not None
            ]
            for (path, rgb), faces in zip(readable, found, strict=True):
                rows += self._write_crops(path, rgb, faces)
            done += len(chunk)
            progress(done, total, chunk[-1][0].name)
            yield rows

    def _write_crops(self, path: Path, rgb: Rgb, faces: Sequence[Face]) -> list[AlignRow]:
        name = self._name(path)
        chosen = _choose(faces, rgb, self.settings.faces)
        if not chosen:
            return [self._without_face(name, rgb)]
        rows = []
        for number, face in chosen:
            size, margin = self.settings.size, self.settings.margin
            crop, matrix = crop_face(rgb, face.landmarks, self.template, size, margin=margin)
            first = number == chosen[0][0]
            output = output_name(name, number=None if first else number)
            write_image(self.target / output, crop)
            rows.append(AlignRow(name, "ok", output, None, number, face, _flat(matrix)))
        return rows

    def _without_face(self, name: str, rgb: Rgb) -> AlignRow:
        if self.settings.on_no_face == "skip":
            return AlignRow(name, "no_face", reason="no face found, nothing written")
        crop, matrix = crop_whole(rgb, self.settings.size)
        output = output_name(name)
        write_image(self.target / output, crop)
        return AlignRow(name, "no_face", output, "no face found, the whole picture was taken", transform=_flat(matrix))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.source).as_posix()


def output_name(source: str, *, number: int | None = None) -> str:
    """Path of a crop below the target: the source's, with `-faceN` for a further face, .png if it has no writer."""
    path = Path(source)
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        path = path.with_name(path.name + ".png")
    return (path if number is None else path.with_stem(f"{path.stem}-face{number}")).as_posix()


def _choose(faces: Sequence[Face], rgb: Rgb, which: str) -> list[tuple[int, Face]]:
    """The faces that are wanted, with their numbers in order of size.

    One face of several is taken from those the detector is sure of, if there are any: a doubtful one may be a chair.
    """
    numbered = list(enumerate(faces))
    if which == "all":
        return numbered
    sure = [item for item in numbered if item[1].score >= _SURE] or numbered
    if which == "center" and sure:
        middle = rgb.shape[1] / 2, rgb.shape[0] / 2
        return [min(sure, key=lambda item: _distance(item[1], middle))]
    return sure[:1]


def _distance(face: Face, point: tuple[float, float]) -> float:
    left, top, right, bottom = face.box_xyxy
    return ((left + right) / 2 - point[0]) ** 2 + ((top + bottom) / 2 - point[1]) ** 2


def _chunks(pictures: Sequence[Path]) -> Iterator[list[tuple[Path, Rgb | None, str | None]]]:
    """Read pictures, as many at once as memory allows: (path, pixels, None) or (path, None, why it cannot be read)."""
    chunk: list[tuple[Path, Rgb | None, str | None]] = []
    pixels = 0
    for path in pictures:
        try:
            rgb = read_rgb(path)
        except DataError as error:
            chunk.append((path, None, error.message.removeprefix(f"{path}: ")))
        else:
            chunk.append((path, rgb, None))
            pixels += rgb.shape[0] * rgb.shape[1]
        if len(chunk) == _CHUNK_FILES or pixels >= _CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _earlier_rows(source: Path, target: Path, settings: AlignSettings, *, overwrite: bool) -> dict[str, list[AlignRow]]:
    """Rows of an earlier run that still hold, by source; makes `target` ready to be written to."""
    earlier = _read_earlier(target, overwrite=overwrite)
    if earlier is None:
        target.mkdir(parents=True, exist_ok=True)
        return {}
    for torn in target.rglob(".*.part.*"):  # what a killed run was writing
        torn.unlink()
    if overwrite:
        for row in earlier.rows:
            if row.output:
                (target / row.output).unlink(missing_ok=True)
        write_rows(target, [])
        return {}
    if earlier.settings != settings:
        raise RefusedError(
            f"{target} was aligned with other settings: {_difference(earlier.settings, settings)}",
            fix="--overwrite to align it anew, or another output folder",
        )
    by_source: dict[str, list[AlignRow]] = {}
    for row in earlier.rows:
        by_source.setdefault(row.source, []).append(row)
    return {name: rows for name, rows in by_source.items() if _holds(source / name, target, rows)}


def _read_earlier(target: Path, *, overwrite: bool) -> Alignment | None:
    if target.exists() and not target.is_dir():
        raise RefusedError(f"{target} is a file, a folder was to be written there", fix="give another output folder")
    try:
        earlier = read_alignment(target)
    except DataError:
        if not overwrite:
            raise
        return None
    if earlier is None and not overwrite and target.is_dir() and any(target.iterdir()):
        raise RefusedError(
            f"{target} is not empty and no aligned folder", fix="another output folder, or --overwrite to write into it"
        )
    return earlier


def _difference(earlier: AlignSettings, now: AlignSettings) -> str:
    names = [name for name, value in vars(now).items() if getattr(earlier, name) != value]
    return ", ".join(f"{name} {getattr(earlier, name)} (now {getattr(now, name)})" for name in names)


def _holds(picture: Path, target: Path, rows: Sequence[AlignRow]) -> bool:
    """Whether all crops of a picture are there and not older than it; an unreadable one is tried again."""
    if not picture.is_file():
        return False
    changed = picture.stat().st_mtime
    for row in rows:
        if row.status == "unreadable":
            return False
        crop = target / row.output if row.output else None
        if crop and (not crop.is_file() or crop.stat().st_mtime < changed):
            return False
    return True


def _finish(source: Path, target: Path, alignment: Alignment, *, resumed: int) -> AlignSummary:
    rows = alignment.rows
    by_status = {
        status: len({row.source for row in rows if row.status == status}) for status in ("ok", "no_face", "unreadable")
    }
    write_rows(target, rows)
    write_settings(target, alignment.settings, counts=by_status)
    if by_status["unreadable"] == len({row.source for row in rows}):
        raise DataError(
            f"none of the {by_status['unreadable']} pictures in {source} could be read, e.g. {_why(rows[0])}",
            fix="a folder with pictures that an image viewer opens",
        )
    return AlignSummary(
        target=target,
        settings=alignment.settings,
        found=by_status["ok"],
        no_face=by_status["no_face"],
        unreadable=tuple(replace(row) for row in rows if row.status == "unreadable"),
        crops=sum(row.output is not None for row in rows),
        resumed=resumed,
        is_dataset=carry_dataset(source, target, alignment),
    )


def _why(row: AlignRow) -> str:
    return f"{row.source}: {row.reason}"


def _flat(matrix: Matrix) -> Transform:
    return cast("Transform", tuple(float(value) for value in matrix.ravel()))
