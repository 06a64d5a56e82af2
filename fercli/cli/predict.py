"""`fer predict`: the expression of every face in pictures and videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import coding_options, console, options, predict_inputs
from fercli.cli.predict_cluster import AddressOption, Cluster, EngineOption, GpusOption, WorkersOption
from fercli.cli.predict_people import BaselineOption, BlurOption, DrawOption, NoPicturesOption, People
from fercli.cli.predict_privacy import LogOption, Protection, PseudonymsOption, command_line
from fercli.errors import DataError, RefusedError
from fercli.formatting import pluralize, printable

if TYPE_CHECKING:
    from fercli.cli.predict_summary import Summary
    from fercli.config.detect import DetectConfig
    from fercli.faces.detector import FaceDetector
    from fercli.media.sources import Source
    from fercli.weights.classifier import Classifier


def predict(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES",
            help="Pictures, videos, folders (searched recursively), globs, http and rtsp addresses, camera numbers; "
            "- reads a list of them from stdin.",
        ),
    ],
    *,
    weights: options.Weights = None,
    convention: options.Convention = None,
    prior: options.Prior = None,
    flip: options.Flip = False,
    engine: EngineOption = "auto",
    device: options.Device = "auto",
    min_face: options.VideoMinFace = None,
    min_reliable: Annotated[
        float,
        typer.Option(
            "--min-reliable",
            metavar="PX",
            min=0,
            help="Minimum reliable face size: the prediction of a face with a smaller side has status too_small.",
            rich_help_panel=options.DETECTION,
        ),
    ] = options.MIN_RELIABLE,
    detector: options.Detector = options.DETECTOR,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="FILE",
            help="CSV file with the boxes or landmarks of the faces, instead of detection; predictions.csv is such a file.",
            rich_help_panel=options.DETECTION,
        ),
    ] = None,
    crops: Annotated[
        bool,
        typer.Option(
            "--crops",
            help="Every picture is the crop of one face: nothing is detected, the whole picture is classified.",
            rich_help_panel=options.DETECTION,
        ),
    ] = False,
    thresholds: options.Thresholds = options.THRESHOLDS,
    max_side: options.MaxSide = options.MAX_SIDE,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Output folder for annotated copies (H.264 with sound), HTML reports and predictions.csv.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an interrupted run in --out DIR: finished files are kept.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    save: Annotated[
        list[Path] | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Table of predictions: .csv, .parquet or .jsonl. Repeatable.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="One HTML report of all sources; --out writes one per video.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    track: Annotated[
        bool,
        typer.Option(
            "--track/--no-track",
            help="Number the tracks of faces in a video; a face keeps its number from frame to frame and after a cut.",
            rich_help_panel=options.VIDEO,
        ),
    ] = True,
    smooth: Annotated[
        float,
        typer.Option(
            "--smooth",
            metavar="SECONDS",
            min=0,
            help="Time constant of the moving average of the probabilities along a track; 0: no smoothing.",
            rich_help_panel=options.VIDEO,
        ),
    ] = 0.0,
    detect_every: Annotated[
        int,
        typer.Option(
            "--detect-every",
            metavar="N",
            min=1,
            help="Run the detector on every N-th frame of a video, move the faces by optical flow in between.",
            rich_help_panel=options.VIDEO,
        ),
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            metavar="N",
            help="Read at most N frames per second of a video, by their presentation times (default: every frame).",
            rich_help_panel=options.VIDEO,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="TIME",
            help="Read videos from this time on: seconds, m:ss or h:mm:ss.",
            rich_help_panel=options.VIDEO,
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--end",
            metavar="TIME",
            help="Read videos up to this time: seconds, m:ss or h:mm:ss.",
            rich_help_panel=options.VIDEO,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            metavar="S",
            min=0.1,
            help="Stop cameras and streams after this time; Ctrl-C stops them too.",
            rich_help_panel=options.VIDEO,
        ),
    ] = None,
    reconnect: Annotated[
        float | None,
        typer.Option(
            "--reconnect",
            metavar="S",
            min=0.1,
            help="Open a camera or stream that breaks off again, until it was away for S seconds; rows mark the gap.",
            rich_help_panel=options.VIDEO,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Read only part I of N of the sources, and write a Parquet file for each into --out; fer merge joins them.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    address: AddressOption = None,
    workers: WorkersOption = None,
    gpus_per_worker: GpusOption = None,
    bom: options.Bom = False,
    confusion: coding_options.Confusion = None,
    baseline: BaselineOption = None,
    people: coding_options.PeopleFile = None,
    blur_faces: BlurOption = False,
    draw: DrawOption = "labels",
    no_pictures: NoPicturesOption = False,
    pseudonyms: PseudonymsOption = None,
    processing_log: LogOption = None,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict the expression of every face in pictures and videos.

    Every face has a row, and so does every picture or frame without a face. A file that cannot be read is listed at
    the end; the remaining files are read. The card of the weights determines preprocessing.

    Example:

      fer predict photo.jpg clip.mp4 --out results
    """
    from fercli.cli.predict_outputs import OutputOptions, Outputs
    from fercli.cli.predict_summary import Summary
    from fercli.config.detect import DetectConfig
    from fercli.faces.detector import open_detector
    from fercli.predict import predict as stage
    from fercli.predict.options import PredictOptions
    from fercli.predict.privacy import Privacy
    from fercli.system.stopwatch import Stopwatch

    detect = DetectConfig(
        detector=detector, thresholds=options.three_thresholds(thresholds), max_side=max_side
    ).with_min_face(min_face)
    settings = PredictOptions(
        detect,
        min_reliable,
        track,
        smooth,
        detect_every=detect_every,
        boxes=None if boxes is None else predict_inputs.describe_boxes(boxes),
        crops=crops,
    )
    output = OutputOptions(
        json,
        tuple(save or ()),
        report,
        out,
        resume,
        overwrite,
        bom,
        Privacy(blur_faces, draw, not no_pictures),
        shard,
        confusion,
    )
    protection = Protection(
        pseudonyms,
        processing_log,
        command_line(context),
        sources,
        (boxes, people, Path(baseline) if baseline else None),
    )
    protection.check(output.paths)
    cluster = Cluster(engine, address, workers, gpus_per_worker)
    cluster.check(
        out,
        {
            "--shard": shard,
            "--save": save,
            "--report": report,
            "--json": json,
            "--resume": resume,
            "--overwrite": overwrite,
            "--boxes": boxes,
            "--confusion": confusion,
            "--baseline": baseline,
            "--people": people,
            "--pseudonyms": pseudonyms,
            "--processing-log": processing_log,
            "--seconds": seconds,
        },
    )
    selection = predict_inputs.frame_selection(fps, start, end)
    inputs = predict_inputs.with_selection(predict_inputs.named_sources(sources, out, quiet=quiet), selection)
    inputs = predict_inputs.with_reconnect(
        inputs if seconds is None else predict_inputs.with_endless(inputs), reconnect
    )
    known = People.read(baseline, people, inputs, track=track)
    inputs = output.of_shard(inputs)
    summary = Summary(track=track)
    _refuse_faults(inputs, summary)
    given = None if boxes is None else predict_inputs.given_faces(boxes, inputs)
    opened = partial(_open_classifier, weights, cluster.engine_of_worker, convention=convention, prior=prior, flip=flip)
    classifier = opened(device)
    if settings.detects:
        _warn_of_alignment(classifier, detector)
    face_detector = open_detector(detect, device) if settings.detects and not cluster.is_used else None
    names = protection.open_names(inputs, known, quiet=quiet)
    recorded = (
        names.settings(
            {
                **_weights_file(classifier, weights),
                **_assumptions(classifier, prior, flip=flip),
                **settings.as_settings(),
                **known.as_settings(),
                **output.privacy.as_settings(),
                "frames of videos": selection,
            }
        )
        if output.paths or processing_log is not None
        else {}
    )
    if cluster.is_used and out is not None:
        cluster.run(
            inputs,
            out,
            settings,
            recorded,
            partial(_open_models, opened, detect if settings.detects else None, cluster.device(device)),
            classifier.card.labels,
            strict=strict,
            quiet=quiet,
        )
        return
    correction = output.correction(classifier.card, recorded)
    recorded |= {} if correction is None else correction.as_settings()
    runs_on = _runs_on(classifier, face_detector)
    watch, stop = Stopwatch(), Event()
    with (
        Outputs(
            output,
            names.sources,
            classifier.card,
            recorded,
            summary,
            runs_on=runs_on,
            correction=correction,
            log=protection.log(classifier.card, recorded | {"engine": runs_on}, output.paths),
        ) as outputs,
        console.progress("predict", quiet=quiet) as progress,
        _until_stopped(inputs, stop, seconds, quiet=quiet),
    ):
        results = stage.predict(
            names.originals(outputs.todo),
            classifier,
            detector=face_detector,
            options=settings,
            given=given,
            watch=watch,
            progress=progress,
            stop=stop,
        )
        corrected = known.apply(
            results,
            classifier,
            detector=face_detector,
            options=settings,
            on_note=lambda source, note: summary.add_note(names.shown(source).name, note),
        )
        for result in names.results(corrected):
            summary.add(result)
            with watch.stage("write"):
                outputs.add(result)
    summary.warn_of_notes(known.warnings(outputs.finished))
    if not json:
        summary.show(quiet=quiet)
    if not quiet:
        summary.show_times(watch, runs_on)
        for path in output.paths:
            console.say(printable(f"written to {path}"))
    _finish(summary, strict=strict)


def _refuse_faults(inputs: list[Source], summary: Summary) -> None:
    """Raise DataError, before anything is loaded, if no source can be read."""
    if all(source.fault for source in inputs):
        for source in inputs:
            summary.add_failed(source.name, source.fault or "")
        _finish(summary, strict=False)


def _open_models(
    open_classifier: Callable[[str], Classifier], detect: DetectConfig | None, device: str
) -> tuple[Classifier, FaceDetector | None]:
    """Load the networks of a worker."""
    from fercli.faces.detector import open_detector

    return open_classifier(device), None if detect is None else open_detector(detect, device)


def _runs_on(classifier: Classifier, detector: FaceDetector | None) -> str:
    runs_on = f"{classifier.engine} on {classifier.device}"
    return (
        runs_on
        if detector is None or detector.device == classifier.device
        else f"{runs_on}, detector on {detector.device}"
    )


def _open_classifier(
    weights: str | None, engine: str, device: str, *, convention: str | None, prior: str | None, flip: bool
) -> Classifier:
    from fercli.weights.classifier import load_classifier
    from fercli.weights.flip import with_flip
    from fercli.weights.priors import class_shares, with_prior

    classifier = load_classifier(weights, engine, device, convention=convention)
    if prior is not None:
        classifier = with_prior(classifier, class_shares(prior, classifier.card.labels))
    return with_flip(classifier) if flip else classifier


def _warn_of_alignment(classifier: Classifier, detector: str) -> None:
    """Warn if the network was trained on faces that another detector aligned."""
    from fercli.data.align_record import alignment_differences
    from fercli.faces.detector import detector_version

    differences = alignment_differences(classifier.card.data.get("alignment"), {"detector": detector_version(detector)})
    if differences:
        console.warn(f"faces are aligned differently from the training data of {classifier.card.name}: {differences}")


@contextmanager
def _until_stopped(sources: list[Source], stop: Event, seconds: float | None, *, quiet: bool) -> Iterator[None]:
    """With a live source, Ctrl-C or the end of --seconds sets `stop`; otherwise Ctrl-C interrupts."""
    if not any(source.is_live for source in sources):
        yield
        return
    if seconds is None and not quiet:
        console.say("press Ctrl-C to stop")
    with console.interrupt_sets(stop, after_s=seconds):
        yield


def _weights_file(classifier: Classifier, weights: str | None) -> dict[str, str]:
    from fercli.system.digest import file_sha256
    from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

    file = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    crop = classifier.card.crop
    measured = f", measured with {crop.detector}" if crop.detector else ""
    return {"weights file": f"{file.name}, sha256 {file_sha256(file)[:16]}", "crop template": f"{crop.name}{measured}"}


def _assumptions(classifier: Classifier, prior: str | None, *, flip: bool) -> dict[str, str]:
    """The label convention of a model that has several, the class shares of --prior, and --flip, as settings."""
    from fercli.weights.conventions import describe_convention
    from fercli.weights.flip import FLIP
    from fercli.weights.priors import describe_prior

    card = classifier.card
    return {
        **({} if card.convention is None else {"label convention": describe_convention(card.convention)}),
        **({} if prior is None else {"class shares": describe_prior(prior, card.prior)}),
        **({"test-time augmentation": FLIP} if flip else {}),
    }


def _finish(summary: Summary, *, strict: bool) -> None:
    """List what could not be read; raise if that is everything, or with --strict anything."""
    failed = summary.failed
    if not failed:
        return
    fix = "check the path and that a viewer opens the file"
    nothing_read = not summary.images and not summary.finished_earlier
    if nothing_read and len(failed) == 1:
        part = failed[0][1].startswith("no frame to read")
        raise DataError(": ".join(failed[0]), fix="another --start and --end" if part else fix)
    count = f"{len(failed)} of {pluralize(len(failed) + summary.complete, 'source')} could not be read"
    console.warn(f"{count} completely:" if not nothing_read else f"{count}:")
    for path, reason in failed:
        console.say(printable(f"  {path}: {reason}"))
    if nothing_read:
        raise DataError(f"none of the {len(failed)} sources could be read", fix=fix)
    if strict:
        raise RefusedError(f"{count} completely (--strict)", fix="remove these sources, or run without --strict")
