"""A folder of pictures in, the same tree of aligned face crops out, with a record of what happened to every picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from fercli.align.contact_sheet import write_contact_sheet
from fercli.align.crop_names import CropNames
from fercli.align.rafdb_in_place import AlignPlaces, align_places, carry_list
from fercli.align.resume import earlier_rows
from fercli.config.detect import DetectConfig
from fercli.config.templates import template as named_template
from fercli.data.align_record import (
    Alignment,
    AlignRow,
    AlignSettings,
    Journal,
    Transform,
    carry_dataset,
    write_rows,
    write_settings,
)
from fercli.errors import DataError, UsageError
from fercli.faces.crop import crop_face, crop_whole
from fercli.faces.detector import FaceDetector, detector_version, open_detector
from fercli.faces.geometry import Matrix
from fercli.faces.main_face import confident_faces
from fercli.media.images import Rgb, list_images, read_rgb, write_image
from fercli.progress import Progress, silent
from fercli.results import Face, Point
from fercli.system.devices import cpu_threads
from fercli.system.digest import file_state
from fercli.system.parallel import in_order
from fercli.system.prefetch import prefetched

_CHUNK_FILES = 256
_CHUNK_PIXELS = 24_000_000  # pictures searched together; as many more are read meanwhile


@dataclass(frozen=True)
class AlignSummary:
    """What a run found. Counts are pictures; `several` have more than one face, `resumed` were done by an earlier run.

    passed: how many files of the folder are no pictures by their names.
    """

    target: Path
    settings: AlignSettings
    found: int
    several: int
    no_face: int
    unreadable: tuple[AlignRow, ...]
    crops: int
    resumed: int
    passed: int
    is_dataset: bool
    contact_sheet: Path


@dataclass(frozen=True)
class _Picture:
    """A file that was opened: its pixels, or why there are none; and its faces once they were looked for.

    state: which file it was, as in AlignRow.
    """

    path: Path
    rgb: Rgb | None
    fault: str | None = None
    faces: Sequence[Face] = ()
    state: tuple[int, int] | None = None


def align(
    source: Path,
    target: Path | None = None,
    *,
    size: int = 224,
    template: str = "arcface",
    margin: float = 0.0,
    min_face: int = DetectConfig.min_face_px,
    thresholds: tuple[float, float, float] = DetectConfig.thresholds,
    max_side: int = DetectConfig.max_side,
    faces: Literal["largest", "center", "all"] = "largest",
    on_no_face: Literal["keep", "skip"] = "keep",
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> AlignSummary:
    """Align every picture below `source` into `target`; what an earlier run with equal settings finished is not redone.

    target None: RAF-DB as its owner ships it, aligned in place, where training finds the crops. Options as in
    AlignSettings; overwrite replaces a run with other settings.
    Raises: DataError if there is nothing to read, UsageError for settings that make no sense,
    RefusedError if `target` holds a run with other settings or anything else.
    """
    settings = AlignSettings(
        detector_version(), size, template, margin, min_face, faces, on_no_face, thresholds, max_side
    )
    places = align_places(source, target)
    passed: list[Path] = []
    pictures = _pictures(places.source, passed=passed.append)
    if not pictures:
        raise DataError(f"{places.source} has no pictures", fix="give the folder that holds them, at any depth")
    if places.target.resolve().is_relative_to(places.source.resolve()):
        raise UsageError(f"{places.target} lies inside {places.source}", fix="give an output folder beside it")
    done, dropped = earlier_rows(places.source, places.target, settings, overwrite=overwrite)
    names = {picture.relative_to(places.source).as_posix(): picture for picture in pictures}
    todo = {name: picture for name, picture in names.items() if name not in done}
    rows = [row for of_picture in done.values() for row in of_picture]
    crops = CropNames(todo, taken=[row.output for row in rows if row.output], ending=places.ending)
    write_settings(places.target, settings)
    for place in dropped - {row.output for row in rows}:
        (places.target / place).unlink(missing_ok=True)
    with Journal(places.target) as journal:
        if todo:
            config = DetectConfig(min_face_px=min_face, thresholds=thresholds, max_side=max_side)
            detector = open_detector(config, device)
            for new in _Aligner(places, settings, detector, crops).run(
                [*todo.values()], done=len(done), progress=progress
            ):
                journal.append(new)
                rows += new
    return _finish(places, Alignment(settings, tuple(rows)), resumed=len(done), passed=len(passed))


def _pictures(source: Path, *, passed: Callable[[Path], None]) -> list[Path]:
    """Every picture, and every folder that cannot be looked into: it has its row among them, as unreadable."""
    closed: list[Path] = []
    pictures = list_images(source, on_unreadable=lambda error: closed.append(Path(error.filename)), on_skipped=passed)
    return sorted(pictures + closed)


class _Aligner:
    """Finds the faces of one chunk of pictures after the other, while threads read the next one and write crops."""

    def __init__(self, places: AlignPlaces, settings: AlignSettings, detector: FaceDetector, crops: CropNames) -> None:
        self.places, self.settings, self.detector, self.crops = places, settings, detector, crops
        self.template = named_template(settings.template)

    def run(self, paths: Sequence[Path], *, done: int, progress: Progress) -> Iterator[list[AlignRow]]:
        """Yield the rows of each picture, in order, once its crops are written."""
        total, threads = done + len(paths), cpu_threads()
        with ThreadPoolExecutor(threads, thread_name_prefix="align") as pool:
            read = in_order(pool, _read, paths, ahead=2 * threads)
            found = self._with_faces(prefetched(_chunks(read)))
            for rows in in_order(pool, self._write, found, ahead=2 * threads):
                done += 1
                progress(done, total, rows[0].source)
                yield rows

    def _with_faces(self, chunks: Iterator[list[_Picture]]) -> Iterator[_Picture]:
        for chunk in chunks:
            found = iter(self.detector.detect([picture.rgb for picture in chunk if picture.rgb is not None]))
            for picture in chunk:
                if picture.rgb is None:
                    yield picture
                else:
                    yield replace(picture, faces=next(found))

    def _write(self, picture: _Picture) -> list[AlignRow]:
        """Write the crops that are wanted of a picture and say what was done."""
        return [replace(row, state=picture.state) for row in self._rows(picture)]

    def _rows(self, picture: _Picture) -> list[AlignRow]:
        name = picture.path.relative_to(self.places.source).as_posix()
        if picture.rgb is None:
            return [AlignRow(name, "unreadable", reason=picture.fault)]
        marked = self.places.marked_face(picture.path)
        chosen = _choose(picture.faces, picture.rgb, self.settings.faces, marked)
        if not chosen:
            return [self._without_face(name, picture.rgb)]
        rows = []
        for number, face in chosen:
            crop, matrix = crop_face(
                picture.rgb, face.landmarks, self.template, self.settings.size, margin=self.settings.margin
            )
            is_first = number == chosen[0][0]
            output = self.crops.first(name) if is_first else self.crops.further(name, number)
            write_image(self.places.target / output, crop)
            rows.append(AlignRow(name, "ok", output, None, number, face, _flat(matrix), len(picture.faces)))
        return rows

    def _without_face(self, name: str, rgb: Rgb) -> AlignRow:
        if self.settings.on_no_face == "skip":
            return AlignRow(name, "no_face", reason="no face found, nothing written", faces=0)
        crop, matrix = crop_whole(rgb, self.settings.size)
        output = self.crops.first(name)
        write_image(self.places.target / output, crop)
        reason = "no face found, the whole picture was taken"
        return AlignRow(name, "no_face", output, reason, transform=_flat(matrix), faces=0)


def _choose(faces: Sequence[Face], rgb: Rgb, which: str, marked: Point | None = None) -> list[tuple[int, Face]]:
    """The faces that are wanted, with their numbers in order of size; the one at `marked` where that is known.

    One face of several is taken from those the detector is sure of, if there are any: a doubtful one may be a chair.
    """
    numbered = list(enumerate(faces))
    if which == "all":
        return numbered
    if marked is not None and numbered:
        return [min(numbered, key=lambda item: _distance(item[1], marked))]
    sure = confident_faces(faces)
    if which == "center" and sure:
        middle = rgb.shape[1] / 2, rgb.shape[0] / 2
        return [min(sure, key=lambda item: _distance(item[1], middle))]
    return sure[:1]


def _distance(face: Face, point: tuple[float, float]) -> float:
    left, top, right, bottom = face.box_xyxy
    return ((left + right) / 2 - point[0]) ** 2 + ((top + bottom) / 2 - point[1]) ** 2


def _read(path: Path) -> _Picture:
    state = file_state(path)  # before it is read: of what changes meanwhile, the older state is noted
    try:
        return _Picture(path, read_rgb(path), state=state)
    except DataError as error:
        return _Picture(path, None, error.message.removeprefix(f"{path}: "), state=state)


def _chunks(pictures: Iterator[_Picture]) -> Iterator[list[_Picture]]:
    """As many pictures as are searched together: few enough to hold in memory."""
    chunk: list[_Picture] = []
    pixels = 0
    for picture in pictures:
        chunk.append(picture)
        pixels += picture.rgb.shape[0] * picture.rgb.shape[1] if picture.rgb is not None else 0
        if len(chunk) == _CHUNK_FILES or pixels >= _CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _finish(places: AlignPlaces, alignment: Alignment, *, resumed: int, passed: int) -> AlignSummary:
    rows, target = alignment.rows, places.target
    by_status = {
        status: len({row.source for row in rows if row.status == status}) for status in ("ok", "no_face", "unreadable")
    }
    write_rows(target, rows)
    if by_status["unreadable"] == len({row.source for row in rows}):
        raise DataError(
            f"none of the {by_status['unreadable']} pictures in {places.source} could be read, e.g. {_why(rows[0])}",
            fix="a folder with pictures that an image viewer opens",
        )
    is_dataset = carry_dataset(places.source, target, alignment) or carry_list(places)
    sheet = write_contact_sheet(places.source, target, alignment)
    write_settings(target, alignment.settings, counts=by_status)
    return AlignSummary(
        target=target,
        settings=alignment.settings,
        found=by_status["ok"],
        several=len({row.source for row in rows if (row.faces or 0) > 1}),
        no_face=by_status["no_face"],
        unreadable=tuple(row for row in rows if row.status == "unreadable"),
        crops=sum(row.output is not None for row in rows),
        resumed=resumed,
        passed=passed,
        is_dataset=is_dataset,
        contact_sheet=sheet,
    )


def _why(row: AlignRow) -> str:
    return f"{row.source}: {row.reason}"


def _flat(matrix: Matrix) -> Transform:
    return cast("Transform", tuple(float(value) for value in matrix.ravel()))
