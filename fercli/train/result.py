"""The result of a finished run: every protocol's weights scored, and result.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.evaluate.result_file import ModelFacts, ResultFile
from fercli.evaluate.scores import Score, SelectionCode, one_class_text
from fercli.system.digest import file_sha256
from fercli.train.components import Components
from fercli.train.scoring import Scorer
from fercli.train.selected_weights import Selected, SelectedWeights
from fercli.train.stage_meter import StageMeter
from fercli.train.state import TrainingState
from fercli.train.training_errors import explain_full_disk
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunFolder, run_name


@dataclass(frozen=True)
class TrainResult:
    """A finished run: its folder, and the weights and scores of the protocol that the recipe's `select` names.

    protocols: weights and scores of every selection protocol. seconds, peak_gib: by stage (teach, wait, step, score, save).
    """

    folder: Path
    seed: int
    weights: Path
    epoch: int
    epochs: int
    selection: SelectionCode
    selected_by: str
    temperature: float
    scores: tuple[Score, ...]
    protocols: tuple[Selected, ...]
    started_from: tuple[dict[str, Any], ...]
    seconds: dict[str, float]
    peak_gib: dict[str, float]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the scores doubtful: predictions that are all one class."""
        return tuple(
            f"{selected.protocol}, {score.split}: {one_class_text(score.single_prediction, score.images)}"
            for selected in self.protocols
            for score in selected.scores
            if score.single_prediction is not None
        )


def score_selected_weights(
    components: Components,
    state: TrainingState,
    folder: RunFolder,
    *,
    scorer: Scorer,
    selected: SelectedWeights,
    meter: StageMeter,
    licence: str,
    notes: Sequence[str],
) -> tuple[Selected, ...]:
    """Load, calibrate and score the weights of every selection protocol."""
    results = []
    for protocol in selected.selection.protocols:
        weights = components.group.run_on_first(partial(_read_weights, folder.weights(protocol)))
        components.model.load_state_dict(weights, strict=False)  # training-only parts are not in the file
        logits_of = partial(scorer.logits, state.best[protocol].epoch)
        with explain_full_disk(folder.path), meter.stage("score"):
            results.append(selected.score(protocol, logits_of, licence=licence, notes=notes))
    return tuple(results)


def build_result(
    components: Components, state: TrainingState, folder: RunFolder, selected: tuple[Selected, ...]
) -> TrainResult:
    """Collect a finished run's result."""
    recipe = components.recipe
    main = next(item for item in selected if item.protocol == recipe.select)
    return TrainResult(
        folder=folder.path,
        seed=recipe.seed,
        weights=main.weights,
        epoch=main.epoch,
        epochs=state.epoch,
        selection=main.selection,
        selected_by=main.selected_by,
        temperature=main.temperature,
        scores=main.scores,
        protocols=selected,
        started_from=components.started_from,
        seconds={stage: round(seconds, 2) for stage, seconds in state.seconds.items()},
        peak_gib={stage: round(peak / 2**30, 3) for stage, peak in state.peak_bytes.items()},
    )


def run_result_file(result: TrainResult, components: Components) -> ResultFile:
    """A run's result in the layout of result.json: the selected weights and their scores, other protocols under `training`."""
    config, dataset, folder = components.config, components.data.dataset, RunFolder(result.folder)
    return ResultFile(
        command=f"fer train {__version__}",
        dataset=dataset.name,
        fingerprint=config.fingerprint,
        labels=dataset.labels,
        model=ModelFacts(
            name=run_name(dataset.name, config.model.preset, config.train.seed),
            version="1",
            preset=config.model.preset,
            engine="torch",
            device=str(components.device),
            sha256=file_sha256(result.weights),
        ),
        selection=result.selection,
        selected_by=result.selected_by,
        epoch=result.epoch,
        seed=result.seed,
        test_time_augmentation=None,
        scores=result.scores,
        predictions={
            score.split: folder.predictions(config.train.select, score.split).relative_to(folder.path).as_posix()
            for score in result.scores
        },
        warnings=result.warnings,
        training={
            "weights": result.weights.name,
            "epochs": result.epochs,
            "temperature": result.temperature,
            "protocols": [{**asdict(selected), "weights": selected.weights.name} for selected in result.protocols],
            "started_from": list(result.started_from),
            "seconds": result.seconds,
            "peak_gib": result.peak_gib,
        },
    )


def _read_weights(path: Path) -> dict[str, Any]:
    return load_weights(path)[0]
