"""`fer predict`: the expression of every face in pictures and videos."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.errors import DataError, RefusedError

if TYPE_CHECKING:
    from fercli.cli.predict_report import Report
    from fercli.steps.predict import VideoOptions
    from fercli.store.inference import Classifier


def predict(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCES...", help="Pictures, videos, folders of them (any depth), globs.")
    ],
    *,
    weights: options.Weights = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    min_face: options.VideoMinFace = None,
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
    from fercli.cli.predict_report import Report
    from fercli.core.stopwatch import Stopwatch
    from fercli.media.faces import FaceDetector
    from fercli.media.sources import find_sources
    from fercli.steps import predict as step
    from fercli.store.copies import AnnotatedCopies
    from fercli.store.inference import load_classifier
    from fercli.store.predictions import PredictionsCsv, as_record
    from fercli.store.report.folder import FolderReports
    from fercli.store.report.html import HtmlReport

    found = find_sources(sources)
    report = Report()
    if all(source.fault for source in found):
        for source in found:
            report.add_failed(str(source.path), source.fault or "")
        _end(report, strict=strict)
    classifier = load_classifier(weights, engine, device)
    video = step.VideoOptions(follow=follow, smooth_s=smooth, detect_every=detect_every)
    detector = FaceDetector(device, thresholds=options.three_thresholds(thresholds), max_side=max_side)
    watch = Stopwatch()
    with ExitStack() as opened:
        copies = opened.enter_context(AnnotatedCopies(out, found, overwrite=overwrite)) if out else None
        table = opened.enter_context(PredictionsCsv(out, classifier.card.labels, overwrite=overwrite)) if out else None
        card, said = classifier.card, _settings(classifier, weights, min_face, video) if out or report_file else {}
        page = opened.enter_context(HtmlReport(report_file, card, said, overwrite=overwrite)) if report_file else None
        pages = opened.enter_context(FolderReports(out, found, card, said, overwrite=overwrite)) if out else None
        progress = opened.enter_context(console.progress("predict", quiet=quiet))
        readings = step.predict(
            found, classifier, detector=detector, min_face_px=min_face, video=video, watch=watch, progress=progress
        )
        for reading in readings:
            report.add(reading)
            with watch.stage("write"):
                if json:
                    for prediction in reading.predictions:
                        console.json_line(as_record(prediction))
                if table:
                    table.add(reading.predictions)
                for html in (page, pages):
                    if html:
                        html.add(reading.source, reading.rgb, reading.predictions, time_s=reading.time_s)
                if copies and reading.rgb is not None:
                    copies.add(reading.source, reading.rgb, reading.predictions, time_s=reading.time_s)
    if not json:
        report.show()
    if report.frames and not quiet:
        report.tell_times(watch, f"{classifier.engine} on {classifier.device}")
        for place in (out, report_file):
            if place:
                console.say(f"written to {place}")
    _end(report, strict=strict)


def _settings(
    classifier: Classifier, weights: str | None, min_face: int | None, video: VideoOptions
) -> dict[str, object]:
    """What shaped the run beside the card of the weights, for the reports."""
    from fercli.media.faces import MIN_FACE_PX, VIDEO_MIN_FACE_PX, detector_version
    from fercli.store.digest import file_sha256
    from fercli.store.weights import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

    file = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    return {
        "weights file": f"{file.name}, sha256 {file_sha256(file)[:16]}",
        "network run by": f"{classifier.engine} on {classifier.device}",
        "faces found by": detector_version(),
        "smallest face": f"{min_face or MIN_FACE_PX} px in pictures, {min_face or VIDEO_MIN_FACE_PX} px in videos",
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
    if not report.frames and len(failed) == 1:
        raise DataError(": ".join(failed[0]), fix=fix)
    for path, reason in failed:
        console.warn(f"{path}: {reason}")
    count = f"{len(failed)} of {len(failed) + report.whole} sources could not be read"
    if not report.frames:
        raise DataError(f"none of the {len(failed)} sources could be read", fix=fix)
    if strict:
        raise RefusedError(f"{count} completely (--strict)", fix="take them out, or leave --strict away")
    console.warn(f"{count} completely")
