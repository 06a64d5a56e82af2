"""An evaluation in, one self-contained HTML page out: figures, pictures, and the mistakes worth looking at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from fercli import __version__
from fercli.evaluate.answers import Answers
from fercli.evaluate.degradations import falls
from fercli.evaluate.results import EvaluationResult, Score
from fercli.html.face_cards import face_card, face_grid
from fercli.html.markup import escaped, inline_png, table
from fercli.html.page import page_end, page_start
from fercli.system.files import replacing

PAGE_NAME = "report.html"
_MISTAKES = 32
_SHOWN_COVERAGE = 0.8  # the tile takes the nearest that was asked for


def write_page(
    folder: Path, result: EvaluationResult, answers: Answers, *, root: Path, settings: Mapping[str, object]
) -> None:
    """Write report.html from the result and the pictures that lie in the folder already."""
    model = result.model
    title = f"{model.name} on {result.data}"
    under = f"{result.split} split, {result.score.n:,} images, {model.engine} on {model.device}"
    if result.augmentation:
        under += f"; test-time augmentation: {result.augmentation}"
    parts = [
        page_start(title, under),
        _warnings(result.warnings),
        _tiles(result),
        _section("Scores", _scores(result)),
        _section("Class by class", _classes(result) + _plots(folder, "confusion.png", "Confusion matrix")),
        _section("Calibration", _calibration(result) + _plots(folder, "reliability.png", "Reliability diagrams")),
        _section("Answering only when sure", _coverage(result) + _plots(folder, "risk_coverage.png", "Risk-coverage")),
        _curves(folder, result),
        _end_to_end(result),
        _batch(result),
        _section("The most confident mistakes", _mistakes(answers, root)),
        _section("How this was made", _settings(result, settings)),
        page_end(),
    ]
    with replacing(folder / PAGE_NAME) as temporary:
        temporary.write_text("".join(parts), encoding="utf-8", errors="replace")


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escaped(heading)}</h2>{body}</section>"


def _warnings(warnings: Sequence[str]) -> str:
    listed = "".join(f"<li>{escaped(text)}</li>" for text in warnings)
    return _section("To be known first", f"<ul>{listed}</ul>") if listed else ""


def _tiles(result: EvaluationResult) -> str:
    score = result.score
    share = min(result.coverage, key=lambda share: abs(share - _SHOWN_COVERAGE))
    tiles = (
        ("Accuracy", _percent(score.overall), _interval(score.overall_interval)),
        ("Mean class accuracy", _percent(score.mean_class), _interval(score.mean_interval)),
        ("Macro F1", _percent(score.macro_f1), _interval(score.f1_interval)),
        ("Calibration error", _percent(result.after.ece), f"{_percent(result.before.ece)} before temperature"),
        (f"Accuracy of the surest {100 * share:g} %", _percent(result.coverage[share]), f"area {result.aurc:.4f}"),
    )
    cells = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}<small>{escaped(small)}</small></dd></div>"
        for name, value, small in tiles
    )
    return f'<section class="bare"><dl class="tiles">{cells}</dl></section>'


def _scores(result: EvaluationResult) -> str:
    rows = [_score_row("all images", result.score)]
    copies = result.copies
    if copies and copies.others:
        rows.append(_score_row("without images that also occur in train", copies.others))
    rows += [_score_row(f"listed in {subset.name}", subset.score) for subset in result.subsets]
    head = ("images", "number", "accuracy %", "95 % interval", "mean class %", "95 % interval", "macro F1 %")
    note = "Accuracy has Wilson's interval, the other two the bootstrap's within classes."
    told = f"<p>{escaped(copies.told)}.</p>" if copies else ""
    return f'<div class="wide">{table(note, head, rows)}</div>{told}'


def _score_row(name: str, score: Score) -> list[object]:
    return [
        name,
        f"{score.n:,}",
        _plain(score.overall),
        _interval(score.overall_interval),
        _plain(score.mean_class),
        _interval(score.mean_interval),
        _plain(score.macro_f1),
    ]


def _classes(result: EvaluationResult) -> str:
    rows = []
    for label, counts in zip(result.labels, result.confusion, strict=True):
        accuracy, interval = result.class_accuracy[label], result.class_interval[label]
        shown = ("", "") if accuracy is None or interval is None else (_plain(accuracy), _interval(interval))
        said = sum(row[result.labels.index(label)] for row in result.confusion)
        right = counts[result.labels.index(label)]
        rows.append([label, f"{sum(counts):,}", *shown, f"{said:,}", _plain(right / said) if said else ""])
    head = ("class", "images", "accuracy %", "95 % interval", "said", "right when said %")
    return table("In the order of the paper's Table 4.", head, rows)


def _calibration(result: EvaluationResult) -> str:
    rows = [
        [name, f"{c.temperature:.4g}", _plain(c.ece), _plain(c.mce), f"{c.nll:.4f}", f"{c.brier:.4f}"]
        for name, c in (("before temperature", result.before), ("after temperature", result.after))
    ]
    head = ("", "temperature", "ECE %", "largest gap %", "log loss", "Brier")
    return table(f"{len(result.after.bins)} bins of equal width.", head, rows)


def _coverage(result: EvaluationResult) -> str:
    rows = [[f"{100 * share:g} %", _plain(accuracy)] for share, accuracy in result.coverage.items()]
    note = "Accuracy when only the surest share of images is answered."
    return table(note, ("answered", "accuracy %"), rows)


def _curves(folder: Path, result: EvaluationResult) -> str:
    if not result.curves:
        return ""
    body = ""
    for curve in result.curves:
        rows = [
            ["as it is" if severity is None else f"{severity:g} {curve.unit}", _plain(score.overall),
             _interval(score.overall_interval), _plain(score.mean_class)]
            for severity, score in falls(curve)
        ]  # fmt: skip
        head = (curve.kind, "accuracy %", "95 % interval", "mean class %")
        body += f'<div class="plots">{_plots(folder, f"degrade-{curve.kind}.png", curve.kind)}'
        body += f"<div>{table(f'{curve.clean.n:,} images', head, rows)}</div></div>"
    return _section("Made worse", body)


def _end_to_end(result: EvaluationResult) -> str:
    found = result.end_to_end
    if found is None:
        return ""
    rows: list[list[object]] = [
        ["raw pictures, a missed face is an error", f"{found.n:,}", _plain(found.overall),
         _interval(found.overall_interval), _plain(found.mean_class)]
    ]  # fmt: skip
    if found.found_score:
        score = found.found_score
        rows.append(
            ["of these, where a face was found", f"{score.n:,}", _plain(score.overall),
             _interval(score.overall_interval), _plain(score.mean_class)]
        )  # fmt: skip
    score = result.score
    rows.append(
        ["crops as the data set has them", f"{score.n:,}", _plain(score.overall), _interval(score.overall_interval),
         _plain(score.mean_class)]
    )  # fmt: skip
    note = f"{found.data}: no face in {found.missed:,} pictures, {found.unreadable:,} unreadable; {found.detector}."
    head = ("", "images", "accuracy %", "95 % interval", "mean class %")
    return _section("End to end", table(note, head, rows))


def _batch(result: EvaluationResult) -> str:
    check = result.batch_check
    if check is None:
        return ""
    verdict = "No answer depends on the batch." if check.holds else "ANSWERS DEPEND ON THE BATCH."
    body = f"<p>{verdict} {check.n:,} images; logits may differ by {check.tolerance:g}.</p>"
    for item in (*check.engines, *([check.contrast] if check.contrast else [])):
        rows = [[c.name, c.batch, f"{c.max_difference:.2e}", c.changed, _plain(c.overall)] for c in item.compositions]
        head = ("company", "batch", "largest difference", "classes changed", "accuracy %")
        note = f"{item.what} by {item.engine}" + (f" (batch part: {check.batch_part})" if item.what == "P_CBA" else "")
        body += table(note, head, rows)
    return _section("Batch invariance", body + (f"<p>{escaped(check.missing)}</p>" if check.missing else ""))


def _mistakes(answers: Answers, root: Path) -> str:
    confidence = answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(answers.guess != answers.truth)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MISTAKES]
    if not len(shown):
        return "<p>There are none.</p>"
    cards = [
        face_card(
            answers.samples[place],
            answers.samples[place].called(root),
            truth=answers.labels[answers.truth[place]],
            lines=[f"read as {answers.labels[answers.guess[place]]}", f"{100 * confidence[place]:.1f} % sure"],
        )
        for place in shown.tolist()
    ]
    return (
        f"<p>{len(wrong):,} of {len(answers.truth):,} answers are wrong; these {len(shown)} are the surest. "
        f"Some are the model's, some the labels'.</p>{face_grid(cards)}"
    )


def _settings(result: EvaluationResult, settings: Mapping[str, object]) -> str:
    model = result.model
    entries: Iterable[tuple[str, object]] = (
        ("weights", f"{model.name} {model.version}, {model.preset}"),
        ("sha256", model.sha256),
        ("chosen by", model.selected_by),
        ("epoch, seed", ", ".join(str(value) for value in (model.epoch, model.seed) if value is not None)),
        ("parameters, MACs", f"{model.parameters:,}, {model.macs:,}" if model.parameters and model.macs else ""),
        ("data set", f"{result.data}, {result.split} split, fingerprint {result.fingerprint or 'not stated'}"),
        *settings.items(),
        ("made by", f"fer {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"),
    )
    rows = "".join(f"<dt>{escaped(n)}</dt><dd>{escaped(v)}</dd>" for n, v in entries if v not in ("", None))
    return f'<dl class="settings">{rows}</dl>'


def _plots(folder: Path, name: str, alt: str) -> str:
    path = folder / name
    return inline_png(path.read_bytes(), alt) if path.is_file() else ""


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _plain(share: float) -> str:
    return f"{100 * share:.2f}"


def _interval(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"
