"""`fer eval` of a folder with several seeds: every seed is scored, and their scores are summarised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.evaluate.report_runs import SEEDS_NAME
from fercli.evaluate.results import EvaluationResult
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.json_file import write_json
from fercli.weights.run_folder import seed_folders


@dataclass(frozen=True)
class SeedScore:
    """Mean and sample standard deviation (n - 1) of the scores of n seeds; sd is None for one seed."""

    n: int
    mean: float
    sd: float | None


@dataclass(frozen=True)
class SeedsEvaluation:
    """The evaluations of all runs of a folder, in the order of their seeds."""

    folder: Path
    runs: tuple[tuple[Path, EvaluationResult], ...]

    def over_seeds(self, figure: Callable[[EvaluationResult], float]) -> SeedScore:
        """Return the mean and standard deviation of a figure."""
        return seed_score([figure(result) for _, result in self.runs])

    def as_dict(self) -> dict[str, Any]:
        """Return the content of seeds.json, in the layout of that of `fer train --seeds`."""
        score = self.runs[0][1].score
        return {
            "runs": [{"seed": result.seed, "folder": run.name} for run, result in self.runs],
            "scores": [
                {
                    "split": score.split,
                    "images": score.images,
                    "accuracies": [result.score.accuracy for _, result in self.runs],
                    "accuracy": asdict(self.over_seeds(lambda result: result.score.accuracy)),
                    "mean_accuracy": asdict(self.over_seeds(lambda result: result.score.mean_accuracy)),
                    "macro_f1": asdict(self.over_seeds(lambda result: result.score.macro_f1)),
                    "class_accuracy": {
                        label: asdict(self.over_seeds(lambda result, label=label: result.score.class_accuracy[label]))  # type: ignore[misc]
                        for label in score.labels
                        if score.class_accuracy[label] is not None
                    },
                }
            ],
        }


def seed_score(scores: Sequence[float]) -> SeedScore:
    """Summarise the scores of several seeds; ValueError without any."""
    if not scores:
        raise ValueError("no scores to summarise")
    return SeedScore(len(scores), float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else None)


def evaluate_seeds(
    folder: Path,
    data: str,
    options: EvaluateOptions,
    *,
    data_folder: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SeedsEvaluation:
    """Score every run of a folder of `fer train --seeds` on the same images.

    data_folder: of a data set given by name. out: a new folder for seeds.json and one folder per seed, as `evaluate` writes it.
    Raises: what `evaluate` raises.
    """

    def evaluate_all(parent: Path | None) -> SeedsEvaluation:
        runs = []
        for run in seed_folders(folder):
            own = None if parent is None else parent / run.name
            runs.append((run, evaluate(run, data, options, folder=data_folder, out=own, progress=progress)))
        return SeedsEvaluation(folder, tuple(runs))

    if out is None:
        return evaluate_all(None)
    refuse_existing_folder(out, overwrite=overwrite, mark=SEEDS_NAME)
    with replacing_folder(out) as temporary:
        result = evaluate_all(temporary)
        write_json(temporary / SEEDS_NAME, result.as_dict(), default=str)
    return result
