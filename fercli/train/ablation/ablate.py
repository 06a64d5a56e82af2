"""`fer ablate`: a study and a data set in, one run per row and seed, one table with intervals and tests out.

Training is a step of its own, and steps do not know each other: the command hands it in as `trainer`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fercli.config.settings import override
from fercli.errors import DataError
from fercli.evaluate.result_file import read_result
from fercli.progress import Progress, silent
from fercli.system.files import replacing
from fercli.train.ablation.paired import PairedDifference, holm, paired_difference, spread
from fercli.train.ablation.plot import plot_study
from fercli.train.ablation.studies import PAPER, Study
from fercli.train.ablation.table import StudyRow, write_csv, write_markdown
from fercli.weights.run_folder import RunConfig, RunFolder, write_json

# Trains with this configuration into this folder, going on with what is there, and leaves the run's result.json.
Trainer = Callable[[RunConfig, Path], None]


@dataclass(frozen=True)
class Cell:
    """One run of a study; `done` says whether its result was there before."""

    row: str
    seed: int
    settings: tuple[str, ...]
    folder: Path
    done: bool


@dataclass(frozen=True)
class AblationResult:
    """What a study found, and where its table lies. split: the images it was scored on, `test` or, without, `val`."""

    study: str
    data: str
    split: str
    images: int
    seeds: tuple[int, ...]
    baseline: str
    rows: tuple[StudyRow, ...]
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
    """Train every row of a study with every seed, and write STUDY.md, .csv, -runs.csv, .json and .png into `out`
    (STUDY-ROWS where only some rows are asked for).

    A run that has its result is not done again, an interrupted one goes on. Runs lie in `out/runs` under a name made from their
    whole configuration, so studies that share `out` share the runs that are the same.
    Args: config is what every row starts from; data is the data set's name, for people; schema is that of its labels, which
    tells whose published numbers are from the same data, however the data set was named.
    Errors: DataError for a result that cannot be read; what the trainer raises ends the study, finished runs stay.
    """
    cells = plan(study, out, config=config, seeds=seeds)
    for number, cell in enumerate(cells):
        progress(number, len(cells), f"{cell.row}, seed {cell.seed}")
        if not cell.done:
            trainer(_config(cell, config), cell.folder)
    progress(len(cells), len(cells), "")
    return _write(study, out, cells, config=config, data=data, schema=schema)


def plan(study: Study, out: Path, *, config: RunConfig, seeds: Sequence[int]) -> tuple[Cell, ...]:
    """Every run of a study, seed by seed, so that a study that is stopped has whole pairs; nothing is done.

    Errors: UsageError where a row's settings do not fit the model or the recipe.
    """
    cells = []
    for seed in seeds:
        for row in study.rows:
            settings = (*row.settings, f"seed={seed}")
            told = override(config, list(settings), groups=("model", "train"))
            folder = out / "runs" / f"{_digest(told)}-seed{seed}"
            cells.append(Cell(row.name, seed, settings, folder, RunFolder(folder).result.is_file()))
    return tuple(cells)


def _config(cell: Cell, config: RunConfig) -> RunConfig:
    return override(config, list(cell.settings), groups=("model", "train"))


def _digest(config: RunConfig) -> str:
    """Ten digits that differ wherever the configuration does, the seed left out."""
    same = replace(config, train=replace(config.train, seed=0))
    return hashlib.sha256(json.dumps(asdict(same), sort_keys=True, default=str).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class _Measured:
    accuracy: float
    mean_accuracy: float
    images: int
    split: str
    epoch: int


def _read(cell: Cell) -> _Measured:
    path = RunFolder(cell.folder).result
    try:
        result = read_result(path)
    except DataError as error:
        raise DataError(error.message, fix=f"remove {cell.folder} and start again") from error
    score = result.main_score
    return _Measured(score.accuracy, score.mean_accuracy, score.images, score.split, result.epoch or 0)


def _write(
    study: Study, out: Path, cells: Sequence[Cell], *, config: RunConfig, data: str, schema: str
) -> AblationResult:
    measured = {(cell.row, cell.seed): _read(cell) for cell in cells}
    first = measured[cells[0].row, cells[0].seed]
    seeds = tuple(dict.fromkeys(cell.seed for cell in cells))
    rows = _rows(study, measured, seeds, schema=schema)
    files = [out / f"{study.stem}{ending}" for ending in (".md", ".csv", "-runs.csv", ".png", ".json")]
    result = AblationResult(
        study=study.name,
        data=data,
        split=first.split,
        images=first.images,
        seeds=seeds,
        baseline=study.baseline,
        rows=rows,
        files=tuple(files),
    )
    protocol = (
        f"{data}; {config.model.preset}, recipe {config.train.recipe}, {config.train.epochs} epochs, "
        f"weights selected by {config.train.select}; "
        f"{len(seeds)} seeds ({', '.join(map(str, seeds))}); scored on {first.images} {first.split} images."
    )
    if study.left_out:
        protocol += f" Not run: {', '.join(study.left_out)}; p (Holm) is over the rows that were."
    with replacing(files[0]) as place:
        write_markdown(place, study, rows, protocol=protocol, paper=PAPER)
    with replacing(files[1]) as place:
        write_csv(place, [row.plain() for row in rows])
    with replacing(files[2]) as place:
        write_csv(place, [_run(cell, measured[cell.row, cell.seed]) for cell in cells])
    with replacing(files[3]) as place:
        scores = [[100 * measured[row.name, seed].accuracy for seed in seeds] for row in study.rows]
        plot_study(place, study, scores, ylabel=f"accuracy on {first.split} (%)", title=f"{study.title}, {data}")
    write_json(files[4], {**asdict(result), "protocol": protocol, "config": dataclasses.asdict(config)})
    return result


def _rows(
    study: Study, measured: Mapping[tuple[str, int], _Measured], seeds: Sequence[int], *, schema: str
) -> tuple[StudyRow, ...]:
    accuracy = {row.name: {seed: measured[row.name, seed].accuracy for seed in seeds} for row in study.rows}
    mean_class = {row.name: [measured[row.name, seed].mean_accuracy for seed in seeds] for row in study.rows}
    against: dict[str, PairedDifference] = {
        name: paired_difference(scores, accuracy[study.baseline])
        for name, scores in accuracy.items()
        if name != study.baseline
    }
    corrected = dict(zip(against, holm([difference.p for difference in against.values()]), strict=True))
    return tuple(
        StudyRow(
            name=row.name,
            settings=row.settings,
            published=dict(row.published),
            same_data=schema in row.published,
            accuracy=spread(list(accuracy[row.name].values())),
            mean_class=spread(mean_class[row.name]),
            difference=against.get(row.name),
            p_holm=corrected.get(row.name),
        )
        for row in study.rows
    )


def _run(cell: Cell, measured: _Measured) -> dict[str, Any]:
    return {
        "row": cell.row,
        "seed": cell.seed,
        "accuracy": f"{measured.accuracy:.6f}",
        "mean_class_accuracy": f"{measured.mean_accuracy:.6f}",
        "epoch": measured.epoch,
        "settings": " ".join(cell.settings),
        "folder": cell.folder.name,
    }
