"""`fer ablate`: train every row of a study with several seeds, and write one table with intervals and tests."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fercli.config.settings import override
from fercli.errors import DataError
from fercli.evaluate.result_file import read_result
from fercli.evaluate.seed_scores import seed_score
from fercli.formatting import pluralize
from fercli.media.figures import FIGURE_SUFFIXES
from fercli.progress import Progress, silent
from fercli.system.csv_file import write_csv
from fercli.system.files import replacing
from fercli.system.json_file import write_json
from fercli.train.ablation.plot import plot_study
from fercli.train.ablation.studies import PAPER, Study
from fercli.train.ablation.table import DIAGNOSTICS, RowResult, write_markdown
from fercli.train.seed_statistics import PairedDifference, holm, paired_difference
from fercli.weights.run_folder import RunConfig, RunFolder

# Trains with this configuration into this folder, resuming what is there, and writes the run's result.json.
Trainer = Callable[[RunConfig, Path], None]


@dataclass(frozen=True)
class StudyRun:
    """One run of a study. config: what it trains; done: whether its result exists."""

    row: str
    seed: int
    settings: tuple[str, ...]
    config: RunConfig
    folder: Path
    done: bool


@dataclass(frozen=True)
class AblationResult:
    """The measured rows of a study. split: the images they are scored on, `test` or, without test images, `val`.

    protocol: how the rows were trained and scored, for people. files: what was written.
    """

    study: str
    data: str
    split: str
    images: int
    seeds: tuple[int, ...]
    baseline: str
    protocol: str
    rows: tuple[RowResult, ...]
    files: tuple[Path, ...]


def ablate(
    study: Study,
    out: Path,
    *,
    config: RunConfig,
    seeds: Sequence[int],
    trainer: Trainer,
    data: str,
    schema: str,
    progress: Progress = silent,
) -> AblationResult:
    """Train every row of a study with every seed; write STUDY.md, .csv, -runs.csv, .json and .png into `out`.

    With some rows only, the files are named STUDY-ROWS. A run that has its result is not trained again, an interrupted one is
    resumed. Runs are in `out/runs` under a name made from their configuration, so studies that share `out` share equal runs.
    Args: config: what every row starts from; data: the data set's name for people; schema: that of its labels, which decides
    whether published numbers are from the same data.
    Raises: DataError for an unreadable result; an error of the trainer ends the study, finished runs stay.
    """
    runs = plan(study, out, config=config, seeds=seeds)
    for number, run in enumerate(runs):
        progress(number, len(runs), f"{run.row}, seed {run.seed}")
        if not run.done:
            trainer(run.config, run.folder)
    progress(len(runs), len(runs), "")
    scores = {(run.row, run.seed): _read_score(run) for run in runs}
    result = _result(study, out, scores, seeds, config=config, data=data, schema=schema)
    _write(study, result, runs, scores, config=config)
    return result


def plan(study: Study, out: Path, *, config: RunConfig, seeds: Sequence[int]) -> tuple[StudyRun, ...]:
    """List every run of a study without training, seed by seed, so that an interrupted study has whole pairs.

    Raises: UsageError for settings of a row that do not fit the model or the recipe.
    """
    runs = []
    for seed in seeds:
        for row in study.rows:
            settings = (*row.settings, f"seed={seed}")
            run_config = override(config, list(settings), groups=("model", "train"))
            folder = out / "runs" / f"{_digest(run_config)}-seed{seed}"
            done = RunFolder(folder).result.is_file()
            runs.append(StudyRun(row.name, seed, settings, run_config, folder, done))
    return tuple(runs)


def _digest(config: RunConfig) -> str:
    """Ten digits that differ whenever the configuration does, apart from the seed."""
    without_seed = replace(config, train=replace(config.train, seed=0))
    return hashlib.sha256(json.dumps(asdict(without_seed), sort_keys=True, default=str).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class _RunScore:
    accuracy: float
    mean_accuracy: float
    images: int
    split: str
    epoch: int
    collapsed: bool
    diagnostics: dict[str, float]


def _read_score(run: StudyRun) -> _RunScore:
    path = RunFolder(run.folder).result
    try:
        result = read_result(path)
    except DataError as error:
        raise DataError(error.message, fix=f"remove {run.folder} and start again") from error
    score = result.main_score
    collapsed = score.single_prediction is not None
    return _RunScore(
        score.accuracy,
        score.mean_accuracy,
        score.images,
        score.split,
        result.epoch or 0,
        collapsed,
        _last_diagnostics(RunFolder(run.folder).metrics),
    )


def _last_diagnostics(metrics: Path) -> dict[str, float]:
    """The diagnostics of the last epoch that a run has, by their names in metrics.csv."""
    if not metrics.is_file():
        return {}
    with metrics.open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1:]
    return {name: float(row[name]) for row in last for name in DIAGNOSTICS if row.get(name)}


def _result(
    study: Study,
    out: Path,
    scores: Mapping[tuple[str, int], _RunScore],
    seeds: Sequence[int],
    *,
    config: RunConfig,
    data: str,
    schema: str,
) -> AblationResult:
    some = next(iter(scores.values()))
    positions = config.model.level_sides[2] ** 2
    protocol = (
        f"{data}; {config.model.preset} with D = {positions} positions in a map that attention compares, "
        f"recipe {config.train.recipe}, {pluralize(config.train.epochs, 'epoch')}, "
        f"weights selected by {config.train.select}; {pluralize(len(seeds), 'seed')} ({', '.join(map(str, seeds))}); "
        f"scored on {pluralize(some.images, f'{some.split} image')}."
    )
    if study.omitted:
        protocol += f" Not trained: {', '.join(study.omitted)}; p (Holm) is over the rows that were."
    return AblationResult(
        study=study.name,
        data=data,
        split=some.split,
        images=some.images,
        seeds=tuple(seeds),
        baseline=study.baseline,
        protocol=protocol,
        rows=_row_results(study, scores, seeds, schema=schema),
        files=tuple(
            out / f"{study.file_stem}{ending}" for ending in (".md", ".csv", "-runs.csv", *FIGURE_SUFFIXES, ".json")
        ),
    )


def _row_results(
    study: Study, scores: Mapping[tuple[str, int], _RunScore], seeds: Sequence[int], *, schema: str
) -> tuple[RowResult, ...]:
    accuracy = {row.name: {seed: scores[row.name, seed].accuracy for seed in seeds} for row in study.rows}
    mean_accuracy = {row.name: [scores[row.name, seed].mean_accuracy for seed in seeds] for row in study.rows}
    differences: dict[str, PairedDifference] = {
        name: paired_difference(row_accuracy, accuracy[study.baseline])
        for name, row_accuracy in accuracy.items()
        if name != study.baseline
    }
    collapsed = {row.name: tuple(seed for seed in seeds if scores[row.name, seed].collapsed) for row in study.rows}
    for name, difference in differences.items():
        if len(seeds) in (len(collapsed[name]), len(collapsed[study.baseline])):  # one class only: nothing to test
            differences[name] = replace(difference, interval=None, p=None, resolvable=None)
    p_holm = dict(zip(differences, holm([difference.p for difference in differences.values()]), strict=True))
    return tuple(
        RowResult(
            name=row.name,
            settings=row.settings,
            published=dict(row.published),
            same_data=schema in row.published,
            accuracy=seed_score(list(accuracy[row.name].values())),
            mean_accuracy=seed_score(mean_accuracy[row.name]),
            difference=differences.get(row.name),
            p_holm=p_holm.get(row.name),
            collapsed=collapsed[row.name],
            diagnostics=_mean_diagnostics([scores[row.name, seed].diagnostics for seed in seeds]),
        )
        for row in study.rows
    )


def _mean_diagnostics(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means over the runs of what all of them have."""
    return {
        name: sum(run[name] for run in runs) / len(runs) for name in DIAGNOSTICS if all(name in run for run in runs)
    }


def _write(
    study: Study,
    result: AblationResult,
    runs: Sequence[StudyRun],
    scores: Mapping[tuple[str, int], _RunScore],
    *,
    config: RunConfig,
) -> None:
    markdown, table, runs_table, *plots, record = result.files
    with replacing(markdown) as temporary:
        write_markdown(temporary, study, result.rows, protocol=result.protocol, paper=PAPER)
    write_csv(table, [row.to_csv_row() for row in result.rows])
    write_csv(runs_table, [_run_row(run, scores[run.row, run.seed]) for run in runs])
    percentages = [[100 * scores[row.name, seed].accuracy for seed in result.seeds] for row in study.rows]
    ylabel, title = f"accuracy on {result.split} (%)", f"{study.title}, {result.data}"
    for plot in plots:
        with replacing(plot) as temporary:
            plot_study(temporary, study, percentages, ylabel=ylabel, title=title)
    write_json(record, {**asdict(result), "config": asdict(config)}, default=str)


def _run_row(run: StudyRun, score: _RunScore) -> dict[str, Any]:
    return {
        "row": run.row,
        "seed": run.seed,
        "accuracy": f"{score.accuracy:.6f}",
        "mean_accuracy": f"{score.mean_accuracy:.6f}",
        "epoch": score.epoch,
        **{name: f"{score.diagnostics[name]:.6g}" if name in score.diagnostics else None for name in DIAGNOSTICS},
        "settings": " ".join(run.settings),
        "folder": run.folder.name,
    }
