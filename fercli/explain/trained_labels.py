"""The labels that a run was trained with: those of its data set, with the label noise that the run recorded."""

from __future__ import annotations

from pathlib import Path

from fercli.config.validate import from_dict
from fercli.data.dataset import Dataset, Split
from fercli.data.facts import data_fingerprint
from fercli.data.training_changes import TrainingChanges, apply_changes
from fercli.errors import DataError
from fercli.system.json_text import parse_json
from fercli.weights.run_folder import RunFolder


def with_trained_labels(dataset: Dataset, weights: str) -> Dataset:
    """The data set with the changes of a run that was trained on it with label noise (fer train --noise).

    It is returned as it is for weights files, for runs without noise, and where the changes do not lead to the run's
    fingerprint: it is then not the data that the run was trained on.
    """
    config = RunFolder(Path(weights)).config
    if not config.is_file():
        return dataset
    saved = parse_json(config.read_text(encoding="utf-8"))
    changes = from_dict(
        TrainingChanges, saved.get("changes", {}), where=str(config), error=DataError, fix="another run"
    )
    if not changes.noise:
        return dataset
    try:
        noisy = apply_changes(dataset, changes)
    except DataError:  # such as fewer images than the run had
        return dataset
    return noisy if data_fingerprint(noisy) == saved.get("fingerprint") else dataset


def classes_before_noise(dataset: Dataset, split: Split) -> dict[str, str]:
    """The true class of every image of a split whose label is noise, by the image's name."""
    return {
        sample.called(dataset.root): dataset.labels[sample.true_label]
        for sample in dataset.split(split)
        if sample.true_label is not None
    }
