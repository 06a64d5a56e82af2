"""`fer predict`: the expression of every face in pictures and videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import typer

from fercli.cli import coding_options, console, options, predict_inputs, predict_options
from fercli.cli.predict_cluster import AddressOption, Cluster, EngineOption, GpusOption, WorkersOption
from fercli.cli.predict_models import (
    assumptions,
    describe_engine,
    open_classifier,
    open_models,
    warn_of_alignment,
    weights_settings,
)
from fercli.cli.predict_people import BaselineOption, BlurOption, DrawOption, NoPicturesOption, PeopleOptions
from fercli.cli.predict_privacy import LogOption, Protection, PseudonymsOption, command_line
from fercli.errors import DataError, RefusedError
from fercli.formatting import pluralize, printable

if TYPE_CHECKING:
    from fercli.cli.predict_summary import RunSummary
    from fercli.media.sources import Source
    from fercli.system.stopwatch import Stopwatch


def predict(
    context: typer.Context,
    sources: predict_options.Sources,
    *,
    weights: options.Weights = None,
    convention: options.Convention = None,
    prior: options.Prior = None,
    flip: options.Flip = False,
    engine: EngineOption = "auto",
    device: options.Device = "auto",
    min_face: options.VideoMinFace = None,
    min_reliable: predict_options.MinReliable = options.MIN_RELIABLE,
    detector: options.Detector = options.DETECTOR,
    boxes: predict_options.Boxes = None,
    crops: predict_options.Crops = False,
    thresholds: options.Thresholds = options.THRESHOLDS,
    max_side: options.MaxSide = options.MAX_SIDE,
    out: predict_options.Out = None,
    resume: predict_options.Resume = False,
    save: predict_options.Save = None,
    report: predict_options.Report = None,
    track: predict_options.Track = True,
    smooth: predict_options.Smooth = 0.0,
    detect_every: predict_options.DetectEvery = 1,
    fps: predict_options.Fps = None,
    start: predict_options.Start = None,
    end: predict_options.End = None,
    seconds: predict_options.Seconds = None,
    reconnect: predict_options.Reconnect = None,
    shard: predict_options.Shard = None,
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
    from fercli.cli.predict_summary import RunSummary
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
    cluster.check(out, context.params)
    selection = predict_inputs.frame_selection(fps, start, end)
    inputs = predict_inputs.as_requested(
        predict_inputs.named_sources(sources, out, quiet=quiet), selection, seconds=seconds, reconnect_s=reconnect
    )
    known = PeopleOptions.read(baseline, people, inputs, track=track)
    summary = RunSummary(track=track)
    _refuse_faults(inputs, summary)
    inputs, whole = output.of_shard(inputs)
    given = None if boxes is None else predict_inputs.given_faces(boxes, inputs)
    opened = partial(open_classifier, weights, cluster.engine_of_worker, convention=convention, prior=prior, flip=flip)
    if not json:
        console.prepare_tables()
    classifier = opened(device)
    if settings.detects:
        warn_of_alignment(classifier, detector)
    face_detector = open_detector(detect, device) if settings.detects and not cluster.is_used else None
    names = protection.open_names(inputs, known, quiet=quiet)
    recorded = (
        names.settings(
            {
                **weights_settings(classifier, weights),
                **assumptions(classifier, prior, flip=flip),
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
            partial(open_models, opened, detect if settings.detects else None, cluster.device(device)),
            classifier.card.labels,
            strict=strict,
            quiet=quiet,
        )
        return
    correction = output.correction(classifier.card, recorded)
    recorded |= {} if correction is None else correction.as_settings()
    runs_on = describe_engine(classifier, face_detector)
    watch, stop = Stopwatch(), Event()
    with (
        Outputs(
            output,
            names.sources,
            classifier.card,
            recorded,
            summary,
            runs_on=runs_on,
            whole=whole,
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
            pixels=output.needs_pixels,
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
        _say_end(summary, watch, runs_on, output.paths)
    _finish(summary, strict=strict, is_part=shard is not None)


def _say_end(summary: RunSummary, watch: Stopwatch, runs_on: str, outputs: Sequence[Path]) -> None:
    summary.show_times(watch, runs_on)
    for path in outputs:
        console.say(printable(f"written to {path}"))


def _refuse_faults(inputs: list[Source], summary: RunSummary) -> None:
    """Raise DataError, before anything is loaded, if no source can be read."""
    if all(source.fault for source in inputs):
        for source in inputs:
            summary.add_failed(source.name, source.fault or "")
        _finish(summary, strict=False)


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


def _finish(summary: RunSummary, *, strict: bool, is_part: bool = False) -> None:
    """List what could not be read; raise if that is everything, or with --strict anything.

    is_part: the rest is in other shards, so that a few unreadable files may be everything here.
    """
    from fercli.cli.predict_summary import UNREADABLE_FIX

    failed = summary.failed
    if not failed:
        return
    nothing_read = not summary.images and not summary.finished_earlier and not is_part
    if nothing_read and len(failed) == 1:
        part = failed[0][1].startswith("no frame to read")
        raise DataError(": ".join(failed[0]), fix="another --start and --end" if part else summary.fix_of(failed[0][0]))
    count = f"{len(failed)} of {pluralize(len(failed) + summary.complete, 'source')} could not be read"
    console.warn(f"{count} completely:" if not nothing_read else f"{count}:")
    for path, reason in failed:
        console.say(printable(f"  {path}: {reason}"))
    if nothing_read:
        raise DataError(f"none of the {len(failed)} sources could be read", fix=UNREADABLE_FIX)
    if strict:
        raise RefusedError(f"{count} completely (--strict)", fix="remove these sources, or run without --strict")
