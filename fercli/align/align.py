"""Align the faces of a folder of pictures: the same tree with face crops, and a record of every picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from fercli.align.crop_names import CropNames
from fercli.align.face_choice import choose_faces
from fercli.align.paths import AlignPaths, align_paths
from fercli.align.result import AlignResult, align_result, finish
from fercli.align.resume import earlier_rows
from fercli.align.shards import begin_shard
from fercli.config.detect import DetectConfig
from fercli.config.templates import template as named_template
from fercli.data.align_files import AlignJournal, write_align_csv, write_align_settings
from fercli.data.align_record import (
    AffineTransform,
    Alignment,
    AlignRow,
    AlignSettings,
    FaceChoice,
    NoFacePolicy,
)
from fercli.errors import DataError, UsageError
from fercli.faces.crop import crop_face, landmarks_of, letterbox
from fercli.faces.detector import FaceDetector, detector_version, open_detector
from fercli.faces.geometry import Transform
from fercli.media.images import Rgb, list_images, read_rgb, write_image
from fercli.progress import Progress, silent
from fercli.results import Face
from fercli.system.devices import cpu_threads
from fercli.system.digest import file_state
from fercli.system.parallel import in_order
from fercli.system.prefetch import prefetched
from fercli.system.shards import Shard

_CHUNK_PIXELS = 24_000_000  # searched together; as many more are read meanwhile


@dataclass(frozen=True)
class AlignOptions:
    """Options of `align`, as in AlignSettings; `detect` configures the detector."""

    size: int = AlignSettings.size
    template: str = AlignSettings.template
    margin: float = AlignSettings.margin
    faces: FaceChoice = AlignSettings.faces
    on_no_face: NoFacePolicy = AlignSettings.on_no_face
    detect: DetectConfig = field(default_factory=DetectConfig)

    @property
    def settings(self) -> AlignSettings:
        """The settings that are recorded with the crops."""
        return AlignSettings(
            detector=detector_version(self.detect.detector),
            size=self.size,
            template=self.template,
            margin=self.margin,
            min_face_px=self.detect.min_face_px,
            faces=self.faces,
            on_no_face=self.on_no_face,
            thresholds=self.detect.thresholds,
            max_side=self.detect.max_side,
        )


@dataclass(frozen=True)
class _Picture:
    """A picture with its pixels, or the reason why it cannot be read. state: of its file, as in AlignRow."""

    path: Path
    rgb: Rgb | None
    error: str | None = None
    faces: Sequence[Face] = ()
    state: tuple[int, int] | None = None
    note: str | None = None


def align(
    source: Path,
    target: Path | None = None,
    options: AlignOptions | None = None,
    *,
    device: str = "auto",
    overwrite: bool = False,
    shard: Shard | None = None,
    chunk_pictures: int = 256,
    progress: Progress = silent,
) -> AlignResult:
    """Align every picture below `source` into `target`; an interrupted run with equal settings is resumed.

    target: None aligns RAF-DB in its official layout in place, where training finds the crops.
    overwrite: replace a run with other settings. shard: align only its pictures; `merge_shards` ends the work of all of
    them. chunk_pictures: how many pictures are searched together at most.
    Raises: DataError if there are no pictures, UsageError for invalid settings, RefusedError if `target` contains a run
    with other settings or other files.
    """
    options = options or AlignOptions()
    settings, paths = options.settings, align_paths(source, target)
    ignored: list[Path] = []
    pictures = _pictures(paths.source, ignored=ignored.append)
    if not pictures:
        raise DataError(f"{paths.source} has no pictures", fix="give the folder that contains them, at any depth")
    if paths.target.resolve().is_relative_to(paths.source.resolve()):
        raise UsageError(f"{paths.target} is inside {paths.source}", fix="give an output folder beside it")
    if paths.source.resolve().is_relative_to(paths.target.resolve()):
        raise UsageError(
            f"{paths.source} is inside {paths.target}: crops might replace its pictures",
            fix="give an output folder beside it",
        )
    record = paths.target if shard is None else begin_shard(source, target, paths, settings, shard, overwrite=overwrite)
    done, outdated = earlier_rows(paths.source, paths.target, settings, overwrite=overwrite, record=record)
    names = {picture.relative_to(paths.source).as_posix(): picture for picture in pictures}
    own = {name: picture for name, picture in names.items() if shard is None or shard.holds(name)}
    remaining = {name: picture for name, picture in own.items() if name not in done}
    rows = [row for picture_rows in done.values() for row in picture_rows]
    if shard is None:
        crops = CropNames(remaining, taken=[row.output for row in rows if row.output], stem_suffix=paths.stem_suffix)
    else:  # every shard gives every picture the same name
        crops = CropNames(names, stem_suffix=paths.stem_suffix)
    write_align_settings(record, settings)
    for path in outdated - {row.output for row in rows}:
        (paths.target / path).unlink(missing_ok=True)
    with AlignJournal(record) as journal:
        if remaining:
            detector = open_detector(options.detect, device)
            aligner = _Aligner(paths, settings, detector, crops, chunk_pictures)
            for new in aligner.run([*remaining.values()], done=len(done), progress=progress):
                journal.append(new)
                rows += new
    alignment = Alignment(settings, tuple(rows))
    if shard is not None:
        write_align_csv(record, rows)
        write_align_settings(record, settings, counts=alignment.counts)
        return align_result(paths, alignment, resumed=len(done), ignored=len(ignored))
    return finish(paths, alignment, resumed=len(done), ignored=len(ignored))


def _pictures(source: Path, *, ignored: Callable[[Path], None]) -> list[Path]:
    """Every picture, and every folder that cannot be read, which gets a row as unreadable."""
    closed: list[Path] = []
    pictures = list_images(source, on_unreadable=lambda error: closed.append(Path(error.filename)), on_skipped=ignored)
    return sorted(pictures + closed)


class _Aligner:
    """Detects the faces of one chunk of pictures after the other, while threads read the next one and write crops."""

    def __init__(
        self,
        paths: AlignPaths,
        settings: AlignSettings,
        detector: FaceDetector,
        crops: CropNames,
        chunk_pictures: int,
    ) -> None:
        self.paths, self.settings, self.detector, self.crops = paths, settings, detector, crops
        self.chunk_pictures = chunk_pictures
        self.template = named_template(settings.template)

    def run(self, paths: Sequence[Path], *, done: int, progress: Progress) -> Iterator[list[AlignRow]]:
        """Yield the rows of every picture, in order, when its crops are written."""
        total, threads = done + len(paths), cpu_threads()
        with ThreadPoolExecutor(threads, thread_name_prefix="align") as pool:
            read = in_order(pool, _read, paths, ahead=2 * threads)
            detected = self._with_faces(prefetched(_chunks(read, self.chunk_pictures)))
            for rows in in_order(pool, self._write, detected, ahead=2 * threads):
                done += 1
                progress(done, total, rows[0].source)
                yield rows

    def _with_faces(self, chunks: Iterator[list[_Picture]]) -> Iterator[_Picture]:
        for chunk in chunks:
            faces = iter(self.detector.detect([picture.rgb for picture in chunk if picture.rgb is not None]))
            for picture in chunk:
                if picture.rgb is None:
                    yield picture
                else:
                    yield replace(picture, faces=next(faces))

    def _write(self, picture: _Picture) -> list[AlignRow]:
        """Write the crops of a picture and return its rows."""
        return [replace(row, state=picture.state, reason=row.reason or picture.note) for row in self._rows(picture)]

    def _rows(self, picture: _Picture) -> list[AlignRow]:
        name = picture.path.relative_to(self.paths.source).as_posix()
        if picture.rgb is None:
            return [AlignRow(name, "unreadable", reason=picture.error)]
        height, width = picture.rgb.shape[:2]
        labelled = self.paths.labelled_face(picture.path)
        chosen = choose_faces(picture.faces, (width, height), self.settings.faces, labelled)
        if not chosen:
            return [self._without_face(name, picture.rgb)]
        rows = []
        for index, face in chosen:
            crop, matrix = crop_face(
                picture.rgb, landmarks_of(face), self.template, self.settings.size, margin=self.settings.margin
            )
            is_first = index == chosen[0][0]
            output = self.crops.first(name) if is_first else self.crops.further(name, index)
            write_image(self.paths.target / output, crop)
            rows.append(AlignRow(name, "ok", output, None, index, face, _flat(matrix), len(picture.faces)))
        return rows

    def _without_face(self, name: str, rgb: Rgb) -> AlignRow:
        if self.settings.on_no_face == "skip":
            return AlignRow(name, "no_face", reason="no face detected, nothing written", faces=0)
        crop, matrix = letterbox(rgb, self.settings.size)
        output = self.crops.first(name)
        write_image(self.paths.target / output, crop)
        reason = "no face detected, the whole picture was written"
        return AlignRow(name, "no_face", output, reason, transform=_flat(matrix), faces=0)


def _read(path: Path) -> _Picture:
    state = file_state(path)  # before it is read, so that a change in between is noticed by the next run
    try:
        notes: list[str] = []
        return _Picture(path, read_rgb(path, notes=notes), state=state, note="; ".join(notes) or None)
    except DataError as error:
        return _Picture(path, None, error.message.removeprefix(f"{path}: "), state=state)


def _chunks(pictures: Iterator[_Picture], most: int) -> Iterator[list[_Picture]]:
    """Group pictures that are searched together, limited by number and by pixels to bound the memory."""
    chunk: list[_Picture] = []
    pixels = 0
    for picture in pictures:
        chunk.append(picture)
        pixels += picture.rgb.shape[0] * picture.rgb.shape[1] if picture.rgb is not None else 0
        if len(chunk) == most or pixels >= _CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _flat(matrix: Transform) -> AffineTransform:
    return cast("AffineTransform", tuple(float(value) for value in matrix.ravel()))
