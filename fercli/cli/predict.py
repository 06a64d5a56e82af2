"""`fer predict`: the expression of every face in pictures and videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.errors import DataError, RefusedError, UsageError

if TYPE_CHECKING:
    from fercli.cli.predict_report import Report
    from fercli.media.sources import Source
    from fercli.predict.predict import VideoOptions
    from fercli.weights.classifier import Classifier


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Pictures, videos, folders of them (any depth), globs, http and rtsp addresses, numbers of cameras; "
            "- reads a list of them from stdin.",
        ),
    ],
    *,
    weights: options.Weights = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    min_face: options.VideoMinFace = None,
    min_read: Annotated[
        float,
        typer.Option(
            "--min-read", metavar="PX", min=0, help="A face with a smaller side is read, but called too_small."
        ),
    ] = options.MIN_READ,
    thresholds: options.Thresholds = options.THRESHOLDS,
    max_side: options.MaxSide = options.MAX_SIDE,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder to make: annotated copies (H.264 with sound), HTML reports, predictions.csv.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run left --out DIR: finished files are kept.")
    ] = False,
    save: Annotated[
        list[Path] | None,
        typer.Option(
            "--save", metavar="FILE", help="Rows to write as .csv, .parquet or .jsonl, by the name; again for more."
        ),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="One HTML page to make of everything; --out makes one per video."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--track/--no-track", help="Number the people of a video, the same from frame to frame.")
    ] = True,
    smooth: Annotated[
        float,
        typer.Option(
            "--smooth",
            metavar="SECONDS",
            min=0,
            help="Average the probabilities of a person over about so long; 0: every frame alone.",
        ),
    ] = 0.0,
    detect_every: Annotated[
        int,
        typer.Option(
            "--detect-every", metavar="N", min=1, help="Search every N-th frame of a video, follow the faces between."
        ),
    ] = 1,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=0.1, help="End cameras and streams after so long; Ctrl-C does too."),
    ] = None,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read the expression of every face in pictures and videos.

    Every face gets a row, and so does every picture or frame without one. A file that cannot be read is told and
    the others go on. Everything about preprocessing comes from the card of the weights.

    Example:

      fer predict photo.jpg clip.mp4 --out read
    """
    from fercli.cli.predict_outputs import Outputs, Wanted
    from fercli.cli.predict_report import Report
    from fercli.config.detect import DetectConfig
    from fercli.faces.detector import open_detector
    from fercli.predict import predict as step
    from fercli.system.stopwatch import Stopwatch
    from fercli.weights.classifier import load_classifier

    wanted = Wanted(json, tuple(save or ()), report_file, out, resume, overwrite)
    found = _found(sources, out, quiet=quiet)
    if seconds is not None:
        found = _with_an_end(found)
    report = Report()
    if all(source.fault for source in found):
        for source in found:
            report.add_failed(source.name, source.fault or "")
        _end(report, strict=strict)
    classifier = load_classifier(weights, engine, device)
    _warn_of_alignment(classifier)
    video = step.VideoOptions(follow=follow, smooth_s=smooth, detect_every=detect_every)
    config = DetectConfig(thresholds=options.three_thresholds(thresholds), max_side=max_side)
    detector = open_detector(config, device)
    settings = (
        _settings(classifier, weights, video, (min_face, min_read, thresholds, max_side)) if wanted.places else {}
    )
    runs_on = f"{classifier.engine} on {classifier.device}"
    if detector.device != classifier.device:
        runs_on += f", faces found on {detector.device}"
    watch, stop = Stopwatch(), Event()
    with (
        Outputs(wanted, found, classifier.card, settings, report, runs_on=runs_on) as outputs,
        console.progress("predict", quiet=quiet) as progress,
        _until_stopped(found, stop, seconds),
    ):
        readings = step.predict(
            outputs.todo,
            classifier,
            detector=detector,
            min_face_px=min_face,
            min_read_px=min_read,
            video=video,
            watch=watch,
            progress=progress,
            stop=stop,
        )
        for reading in readings:
            report.add(reading)
            with watch.stage("write"):
                outputs.add(reading)
    if not json:
        report.show()
    if not quiet:
        if report.frames:
            report.tell_times(watch, runs_on)
        for place in wanted.places:
            console.say(f"written to {place}")
    _end(report, strict=strict)


def _warn_of_alignment(classifier: Classifier) -> None:
    """Tell if the model was trained on faces that were found by something else than what finds them here."""
    from fercli.data.align_record import alignment_differences
    from fercli.faces.detector import detector_version

    differences = alignment_differences(classifier.card.data.get("alignment"), {"detector": detector_version()})
    if differences:
        console.warn(f"faces are aligned otherwise than {classifier.card.name} was trained: {differences}")


def _found(arguments: list[str], out: Path | None, *, quiet: bool) -> list[Source]:
    """What the arguments name, `-` being a list on stdin; what an earlier run wrote into --out is left out.

    How many files in folders are neither pictures nor videos is told, unless `quiet`.
    """
    from fercli.media.sources import find_sources

    names = [name for given in arguments for name in (console.names_from_stdin() if given == "-" else (given,))]
    if not names:
        raise UsageError("stdin names nothing to read", fix="find photos -name '*.jpg' | fer predict -")
    passed: set[Path] = set()
    found = find_sources(names, passed=passed.add)
    if out is not None:
        place = out.resolve()
        found = [source for source in found if source.address is not None or place not in source.real_path.parents]
        passed = {path for path in passed if place not in Path(os.path.realpath(path)).parents}
    if passed and not quiet:
        console.say(f"files passed over, no pictures or videos by their names: {len(passed)}, e.g. {min(passed)}")
    return found


def _with_an_end(found: list[Source]) -> list[Source]:
    """Sources that --seconds is about: of videos over http, which may be cameras, it says that they are endless."""
    found = [
        replace(source, endless=True) if isinstance(source.address, str) and source.kind == "video" else source
        for source in found
    ]
    if not any(source.is_live for source in found):
        raise UsageError("--seconds ends cameras and streams, and none is named", fix="leave --seconds out")
    return found


@contextmanager
def _until_stopped(sources: list[Source], stop: Event, seconds: float | None) -> Iterator[None]:
    """Where a source is live, Ctrl-C or the end of --seconds ends it well; anywhere else Ctrl-C interrupts."""
    if not any(source.is_live for source in sources):
        yield
        return
    if seconds is None:
        console.say("Ctrl-C ends the recording")
    with console.interrupt_sets(stop, after_s=seconds):
        yield


def _settings(
    classifier: Classifier, weights: str | None, video: VideoOptions, search: tuple[int | None, float, str, int]
) -> dict[str, object]:
    """What shapes the results beside the card of the weights: for the reports, and for a job to go on with."""
    from fercli.config.detect import DetectConfig
    from fercli.faces.detector import detector_version
    from fercli.system.digest import file_sha256
    from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

    file = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    min_face, min_read, thresholds, max_side = search
    detect = DetectConfig().with_min_face(min_face)
    return {
        "weights file": f"{file.name}, sha256 {file_sha256(file)[:16]}",
        "faces found by": f"{detector_version()}, thresholds {thresholds}, pictures of at most {max_side} px",
        "smallest face": f"{detect.min_face_px} px in pictures, {detect.video_min_face_px} px in videos",
        "smallest face to be believed": f"{min_read:g} px",
        "people of a video": "numbered" if video.follow else "not followed",
        "probabilities": f"averaged along a track over {video.smooth_s:g} s"
        if video.smooth_s
        else "of every frame alone",
        "faces searched in": f"every {video.detect_every}th frame" if video.detect_every > 1 else "every frame",
    }


def _end(report: Report, *, strict: bool) -> None:
    """Tell what could not be read; raise if nothing could, or if --strict wants everything read."""
    failed = report.failed
    if not failed:
        return
    fix = "check the path: pictures and videos of the usual formats can be read"
    nothing_read = not report.frames and not report.earlier
    if nothing_read and len(failed) == 1:
        raise DataError(": ".join(failed[0]), fix=fix)
    count = f"{len(failed)} of {len(failed) + report.whole} sources could not be read"
    console.warn(f"{count} completely:" if not nothing_read else f"{count}:")
    for path, reason in failed:
        console.say(f"  {path}: {reason}")
    if nothing_read:
        raise DataError(f"none of the {len(failed)} sources could be read", fix=fix)
    if strict:
        raise RefusedError(f"{count} completely (--strict)", fix="take them out, or leave --strict away")
