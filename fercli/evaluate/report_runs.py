"""The results that `fer report --run` names, grouped by method, and whether they are of the published test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fercli.data.readers import READERS
from fercli.errors import DataError
from fercli.evaluate.result_file import ResultFile, read_result, result_path
from fercli.evaluate.scores import Score
from fercli.formatting import pluralize

SEEDS_NAME = "seeds.json"  # of a folder that fer train --seeds wrote

# what the runs of one method must have in common to be averaged
_EQUAL_IN_A_GROUP: dict[str, Callable[[ResultFile], object]] = {
    "data set": lambda result: result.dataset,
    "split": lambda result: result.main_score.split,
    "number of images": lambda result: result.main_score.images,
    "test-time augmentation": lambda result: result.test_time_augmentation,
}


def grouped_results(runs: Sequence[str]) -> dict[str, list[ResultFile]]:
    """Read results by method; a folder with several seeds is one method.

    runs: folders of `fer train` (with one seed or several) or `fer eval --out`, or NAME=FOLDER.
    Raises: DataError where a group mixes results that cannot be averaged.
    """
    groups: dict[str, list[tuple[Path, ResultFile]]] = {}
    unnamed: set[str] = set()
    for run in runs:
        name, folder = split_name(run)
        for path in _result_folders(folder):
            result = read_result(path)
            method = name if name is not None else method_name(result)
            unnamed |= {method} if name is None else set()
            groups.setdefault(method, []).append((path, result))
    for name, results in groups.items():
        _check_group(name, results, unnamed=name in unnamed)
    return {name: [result for _, result in results] for name, results in groups.items()}


def split_name(run: str) -> tuple[str | None, Path]:
    """Split NAME=FOLDER; without a name it is None. A folder whose own name has an equals sign is found as it is."""
    name, equals, folder = run.partition("=")
    return (name, Path(folder)) if equals and not Path(run).exists() else (None, Path(run))


def method_name(result: ResultFile) -> str:
    """Name of the method: that of the weights without the seed."""
    name = result.model.name
    return name if result.seed is None else name.removesuffix(f"-seed{result.seed}")


def dataset_of(result: ResultFile) -> str:
    """Name of the data set that was scored: without the changes of its training images, which follow after a comma."""
    return result.dataset.partition(", ")[0]


def count_text(dataset: str, score: Score) -> tuple[str, str]:
    """Format the scored images, with the published number where it differs; and a note for that case, else empty."""
    images, published = pluralize(score.images, "image"), published_images(dataset, score.split)
    if published is None or published == score.images:
        return images, ""
    return f"{score.images:,} of {published:,} images", f"not the published {score.split} set: {published:,} images"


def published_images(dataset: str, split: str) -> int | None:
    """Return the published number of images of a split; None for another data set, or where no number is known."""
    if dataset not in READERS:
        return None
    return next(
        (sum(counts.values()) for name, counts in READERS[dataset].published.counts.items() if name == split), None
    )


def _result_folders(folder: Path) -> list[Path]:
    """Return the folder itself, or the folders of its seeds."""
    if folder.is_dir() and not result_path(folder).is_file():
        seeds = sorted(path.parent for path in folder.glob("seed-*/result.json"))
        if seeds:
            return seeds
        if (folder / "config.json").is_file():
            raise DataError(f"{folder} is a training run without a result yet", fix="fer train --resume finishes it")
    return [folder]


def _check_group(name: str, results: Sequence[tuple[Path, ResultFile]], *, unnamed: bool) -> None:
    hashes = [result.model.sha256 for _, result in results if result.model.sha256]
    if len(set(hashes)) != len(hashes):
        raise DataError(f"{name}: the same weights are given as two runs", fix="one folder per run")
    seeds = [result.seed for _, result in results if result.seed is not None]
    if unnamed and len(set(seeds)) != len(seeds):
        listed = ", ".join(str(path) for path, _ in results)
        raise DataError(
            f"{name}: two runs have the same seed ({listed})", fix="a name for each method: --run NAME=FOLDER"
        )
    for what, value_of in _EQUAL_IN_A_GROUP.items():
        values = [value_of(result) for _, result in results]
        if len(set(values)) > 1:
            listed = ", ".join(f"{path}: {value}" for (path, _), value in zip(results, values, strict=True))
            raise DataError(f"{name}: its runs differ in {what} ({listed})", fix="a name for each: NAME=FOLDER")
