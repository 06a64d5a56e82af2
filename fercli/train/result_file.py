"""A finished run in the layout of result.json, which it shares with `fer eval`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from fercli import __version__
from fercli.data.dataset import Dataset
from fercli.evaluate.result_file import ModelFacts, ResultFile
from fercli.system.digest import file_sha256
from fercli.weights.run_folder import RunConfig, RunFolder

if TYPE_CHECKING:
    from fercli.train.run import TrainResult


def to_result_file(result: TrainResult, dataset: Dataset, config: RunConfig, *, device: torch.device) -> ResultFile:
    """State the selected weights and their scores, and under `training` those of every protocol, time and memory."""
    folder = RunFolder(result.folder)
    protocol = config.train.select
    return ResultFile(
        command=f"fer train {__version__}",
        dataset=dataset.name,
        fingerprint=config.fingerprint,
        labels=dataset.labels,
        model=ModelFacts(
            name=result.folder.resolve().name,
            version="1",
            preset=config.model.preset,
            engine="torch",
            device=str(device),
            sha256=file_sha256(result.weights),
        ),
        selection=result.selection,
        selected_by=result.selected_by,
        epoch=result.epoch,
        seed=result.seed,
        test_time_augmentation=None,
        scores=result.scores,
        predictions={
            score.split: folder.predictions(protocol, score.split).relative_to(folder.path).as_posix()
            for score in result.scores
        },
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
