"""Correct a saved table of predictions by the baseline of each person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from fercli.coding.names import SETTING as NAMES
from fercli.coding.names import Names
from fercli.config.detect import MIN_RELIABLE_PX
from fercli.errors import DataError
from fercli.predict.baseline.apply import BaselineCorrection, is_known, tracked, without_baseline
from fercli.predict.baseline.correction import MARGIN, neutral_index
from fercli.predict.baseline.spans import Rest, RestingFaces
from fercli.predict.baseline.table import Baselines
from fercli.results import Prediction, Who
from fercli.rows.formats import check_table_path, open_table
from fercli.rows.read import SavedRows
from fercli.rows.run_record import RunRecord

SETTING = "baseline"


def correct_rows(
    rows: SavedRows,
    baselines: Baselines,
    out: Path,
    *,
    names: Names | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None],
) -> int:
    """Write the rows with the baselines subtracted as a new table; returns how many faces were corrected.

    A neutral picture is one of the pictures of the table. names: of tracks, which the new table has, too. on_note: called with
    sentences about who has no baseline.
    Raises: DataError if a baseline was subtracted before, a row of the table of people is about nobody, or nobody has a baseline;
    what `open_table` raises.
    """
    check_table_path(out, overwrite=overwrite)
    correction = BaselineCorrection(rows.labels, rows.run.uncertain_below or 0.0, _min_reliable_px(rows.run))
    rests, people = _rests(_predictions(rows, names), rows.path, baselines, correction, on_note)
    if not rests:
        raise DataError(
            f"{rows.path}: nobody has a baseline, so there is nothing to correct",
            fix="a span in which faces are in view, auto, or a table of people",
        )
    corrected = 0
    stated = f"{baseline_setting(baselines)}; subtracted for {len(rests)} of {people} tracks and pictures"
    settings = {**rows.run.settings, **({} if names is None else {NAMES: "given"}), SETTING: stated}
    with open_table(out, rows.labels, run=replace(rows.run, settings=settings), overwrite=overwrite) as table:
        for prediction in _predictions(rows, names):
            result = _corrected(prediction, rests, baselines, correction)
            corrected += result.baseline is not None
            table.add((result,))
    return corrected


def baseline_setting(baselines: Baselines) -> str:
    """Return how the settings of a run state the baseline that was asked for."""
    return f"{baselines.text}, subtracted in logit space where the column baseline has a value, margin {MARGIN:g} for neutral"


def _predictions(rows: SavedRows, names: Names | None) -> Iterator[Prediction]:
    return rows.predictions() if names is None else names.of_rows(rows.predictions())


def _rests(
    predictions: Iterable[Prediction],
    path: Path,
    baselines: Baselines,
    correction: BaselineCorrection,
    on_note: Callable[[str], None],
) -> tuple[dict[tuple[str, Who], Rest], int]:
    """Return the people at rest by source and person, and how many people there are."""
    videos: dict[str, RestingFaces] = {}
    tracks: dict[str, dict[Who, int | None]] = {}
    pictures: dict[str, Prediction] = {}
    ends_s: dict[str, float] = {}
    neutral = neutral_index(correction.labels)
    for prediction in predictions:
        if _moves(prediction):
            tracks.setdefault(prediction.source, {})
            ends_s[prediction.source] = prediction.time_s or 0.0
        if prediction.baseline is not None:
            raise DataError(f"{path}: a baseline was subtracted before", fix="use the table without it")
        if prediction.probabilities is None or not is_known(prediction):
            continue
        if not _moves(prediction):
            pictures.setdefault(prediction.source, prediction)
            continue
        tracks[prediction.source][prediction.who] = prediction.track
        if prediction.status != "too_small":
            faces = videos.setdefault(prediction.source, RestingFaces())
            faces.add(prediction.who, prediction.time_s or 0.0, correction.values(prediction))
    found: dict[tuple[str, Who], Rest] = {}
    baselines.check_people(tracks, ends_s, list(pictures))
    for source, everybody in tracks.items():
        people = tracked(everybody)
        requests = baselines.requests(source, people)
        rests = videos[source].rests(requests, neutral=neutral) if source in videos else {}
        found |= {(source, who): rest for who, rest in rests.items()}
        missing = [who for who in people if who not in rests]
        if missing:
            on_note(f"{source}: {without_baseline(missing, requests, ends_s[source])}")
    for source, prediction in pictures.items():
        row = baselines.row_of_picture(source)
        at_rest = None if row is None or row.neutral is None else _picture(row.neutral, pictures)
        if at_rest is None or row is None or row.neutral is None:
            on_note(f"{source}: no baseline: no row is about it, or its neutral picture is not among the predictions")
        else:
            found[source, prediction.who] = Rest(correction.at_rest(at_rest), row.neutral.name, 1)
    return found, len(pictures) + sum(len(tracked(people)) for people in tracks.values())


def _picture(path: Path, pictures: dict[str, Prediction]) -> Prediction | None:
    """The prediction of a neutral picture: by its path, else by its name if only one has it."""
    if str(path) in pictures:
        return pictures[str(path)]
    same = [prediction for source, prediction in pictures.items() if Path(source).resolve() == path.resolve()]
    return same[0] if same else None


def _corrected(
    prediction: Prediction, rests: Mapping[tuple[str, Who], Rest], baselines: Baselines, correction: BaselineCorrection
) -> Prediction:
    rest = rests.get((prediction.source, prediction.who)) if is_known(prediction) else None
    if rest is None or _moves(prediction):
        return prediction if rest is None else correction.apply(prediction, rest)
    row = baselines.row_of_picture(prediction.source)
    return correction.apply(replace(prediction, person=row.person if row else None), rest)


def _moves(prediction: Prediction) -> bool:
    return prediction.frame is not None


def _min_reliable_px(run: RunRecord) -> float:
    text = run.settings.get("minimum reliable face size", "")
    number = text.partition(" ")[0]
    return float(number) if number.replace(".", "", 1).isdigit() else MIN_RELIABLE_PX
