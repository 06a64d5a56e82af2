"""The same training from several seeds: mean and spread, which a single number hides."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fercli.data.dataset import Dataset
from fercli.train.command import train
from fercli.train.process_group import open_world
from fercli.train.run import TrainResult
from fercli.weights.run_folder import RunConfig, RunFolder, write_json


@dataclass(frozen=True)
class Spread:
    """One protocol's score on one split over all seeds, shares in 0..1; sd is the sample's, None with one seed."""

    protocol: str
    split: str
    images: int
    accuracy: tuple[float, ...]
    mean: float
    sd: float | None
    mean_class: float
    mean_class_sd: float | None


@dataclass(frozen=True)
class SeedsResult:
    """The runs in the order of their seeds, and what they make together."""

    folder: Path
    runs: tuple[TrainResult, ...]
    spread: tuple[Spread, ...]


def train_seeds(
    dataset: Dataset,
    out: Path,
    *,
    seeds: Sequence[int],
    config: RunConfig,
    device: str = "auto",
    resume: bool = False,
    **told: Any,
) -> SeedsResult:
    """Train once per seed, in `out`/seed-N, and write seeds.json there. The other arguments are `train`'s.

    With `resume` a seed that has not begun begins, and one that is done is judged again, which takes no training.
    """
    runs = []
    with open_world(device) as place:
        world = place[0]
        for seed in seeds:
            folder = out / f"seed-{seed}"
            begun = world.decide(lambda folder=folder: RunFolder(folder).config.is_file())  # type: ignore[misc]
            of_seed = replace(config, train=replace(config.train, seed=seed))
            runs.append(train(dataset, folder, config=of_seed, place=place, resume=resume and begun, **told))
        result = SeedsResult(out, tuple(runs), spread_of(runs))
        if world.first:
            write_json(out / "seeds.json", json.loads(json.dumps(asdict(result), default=str)))
    return result


def spread_of(runs: Sequence[TrainResult]) -> tuple[Spread, ...]:
    """Mean and sample standard deviation of every protocol's score on every split."""
    found = []
    for place, selected in enumerate(runs[0].protocols):
        for column, score in enumerate(selected.scores):
            scores = [run.protocols[place].scores[column] for run in runs]
            accuracy = [each.accuracy for each in scores]
            mean_class = [each.mean_accuracy for each in scores]
            found.append(
                Spread(
                    protocol=selected.protocol,
                    split=score.split,
                    images=score.images,
                    accuracy=tuple(accuracy),
                    mean=statistics.fmean(accuracy),
                    sd=statistics.stdev(accuracy) if len(runs) > 1 else None,
                    mean_class=statistics.fmean(mean_class),
                    mean_class_sd=statistics.stdev(mean_class) if len(runs) > 1 else None,
                )
            )
    return tuple(found)
