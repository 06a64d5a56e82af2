"""Training with several seeds: one run per seed, mean and standard deviation of their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fercli.data.dataset import Dataset
from fercli.evaluate.seed_scores import SeedScore, seed_score
from fercli.progress import RunStart, TrainEvent, no_report
from fercli.system.json_file import write_json
from fercli.train.options import TrainOptions
from fercli.train.result import TrainResult
from fercli.train.torchrun import join_process_group
from fercli.train.train import train
from fercli.weights.run_folder import RunConfig, RunFolder


@dataclass(frozen=True)
class SplitOverSeeds:
    """One protocol's scores on one split over all seeds, shares in 0..1. accuracies: in the order of the seeds."""

    protocol: str
    split: str
    images: int
    accuracies: tuple[float, ...]
    accuracy: SeedScore
    mean_accuracy: SeedScore


@dataclass(frozen=True)
class SeedsResult:
    """The runs in the order of their seeds, and their scores together."""

    folder: Path
    runs: tuple[TrainResult, ...]
    scores: tuple[SplitOverSeeds, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of seeds.json: the folder of every run, which has its result.json, and the scores over all seeds."""
        return {
            "runs": [{"seed": run.seed, "folder": run.folder.name} for run in self.runs],
            "scores": [asdict(scores) for scores in self.scores],
        }


def train_seeds(
    dataset: Dataset,
    out: Path,
    *,
    seeds: Sequence[int],
    config: RunConfig,
    options: TrainOptions | None = None,
    report: Callable[[TrainEvent], None] = no_report,
) -> SeedsResult:
    """Train once per seed, in `out`/seed-N, and write seeds.json there. The other arguments are `train`'s.

    With `resume` a seed that has not started is started, and one that is done is scored again without training.
    """
    options = options or TrainOptions()
    runs = []
    with join_process_group(options.device) as joined:
        group, _ = joined
        for number, seed in enumerate(seeds, start=1):
            if group.is_first:
                report(RunStart(number, len(seeds), f"seed {seed}"))
            folder = RunFolder(out / f"seed-{seed}")
            started = group.run_on_first(partial(folder.config.is_file))
            runs.append(
                train(
                    dataset,
                    folder.path,
                    config=replace(config, train=replace(config.train, seed=seed)),
                    options=replace(options, resume=options.resume and started),
                    joined=joined,
                    report=report,
                )
            )
        result = SeedsResult(out, tuple(runs), scores_over_seeds(runs))
        if group.is_first:
            write_json(out / "seeds.json", result.as_dict(), default=str)
    return result


def scores_over_seeds(runs: Sequence[TrainResult]) -> tuple[SplitOverSeeds, ...]:
    """Return the mean and standard deviation of every protocol's scores on every split."""
    return tuple(
        _over_seeds(runs, protocol, split)
        for protocol, selected in enumerate(runs[0].protocols)
        for split in range(len(selected.scores))
    )


def _over_seeds(runs: Sequence[TrainResult], protocol: int, split: int) -> SplitOverSeeds:
    """protocol, split: their indices in each run."""
    selected = runs[0].protocols[protocol]
    scores = [run.protocols[protocol].scores[split] for run in runs]
    accuracies = [score.accuracy for score in scores]
    return SplitOverSeeds(
        protocol=selected.protocol,
        split=scores[0].split,
        images=scores[0].images,
        accuracies=tuple(accuracies),
        accuracy=seed_score(accuracies),
        mean_accuracy=seed_score([score.mean_accuracy for score in scores]),
    )
