"""The batch-invariance certificate: whether any prediction depends on the other images of its batch.

Every engine classifies the images one by one, and again in batches: in order, shuffled, and sorted by class, from which a
network that reads the batch would gain most. P_CBA, which does read the batch and is never a prediction, is measured in
the same way for contrast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.errors import WeightsError
from fercli.evaluate.dataset_predictions import DatasetPredictions
from fercli.evaluate.results import BatchCheck, Composition, EngineCheck
from fercli.progress import Progress
from fercli.system.chunks import chunked
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LogitsFunction, open_onnx, open_torch
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
from fercli.weights.find import find_weights
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from fercli.weights.network import Network

IMAGES = 256
BATCH_SIZE = 64
SHUFFLES = 3
INVARIANCE_TOLERANCE = 1e-3  # of a logit; rounding of sums in another order is a hundred times smaller


def batch_check(
    weights: str | Path | None,
    predictions: DatasetPredictions,
    indices: Sequence[int],
    *,
    device: str,
    convention: str | None = None,
    seed: int,
    progress: Progress,
) -> BatchCheck:
    """Check every engine that `weights` has a file for, on the images at `indices` of the predictions.

    Raises: WeightsError where there is no file at all.
    """
    files = weights_files(weights)
    openers = {ONNX_SUFFIX: open_onnx, TORCH_SUFFIX: open_torch}
    classifiers = [openers[suffix](path, device=device, convention=convention) for suffix, path in files.items()]
    card = classifiers[0].card
    samples = [predictions.samples[index] for index in indices]
    crops = np.stack([load_crop(sample, card.model.input.size) for sample in samples])
    truth = np.array([card.labels.index(predictions.labels[predictions.truth[index]]) for index in indices])
    torch_file = files.get(TORCH_SUFFIX)
    runs: list[tuple[str, str, LogitsFunction]] = [(item.engine, "P_VIT", item.run) for item in classifiers]
    batch_part = ""
    if torch_file is not None:
        run, batch_part = p_cba_of(torch_file, card, seed=seed)
        runs.append(("torch", "P_CBA", run))
    checks = []
    for done, (engine, output, run) in enumerate(runs):
        progress(done, len(runs), f"{engine} {output}")
        checks.append(EngineCheck(engine, output, tuple(compositions(run, crops, truth, seed=seed))))
    progress(len(runs), len(runs), "")
    missing = [suffix for suffix in openers if suffix not in files]
    return BatchCheck(
        images=len(samples),
        tolerance=INVARIANCE_TOLERANCE,
        engines=tuple(checks[: len(classifiers)]),
        contrast=checks[-1] if torch_file is not None else None,
        batch_part=batch_part,
        missing=f"these weights have no {missing[0]} file: that engine was not checked" if missing else None,
    )


def compositions(
    run: LogitsFunction, crops: NDArray[np.uint8], truth: NDArray[np.int64], *, seed: int, batch_size: int = BATCH_SIZE
) -> Iterator[Composition]:
    """Classify the crops [B, S, S, 3] one by one, then in every batch composition; differences are against one by one."""
    count = len(crops)
    single = _in_batches(run, crops, np.arange(count), 1)
    random = np.random.default_rng(seed)
    orders = [("in order", np.arange(count)), ("sorted by class", np.argsort(truth, kind="stable"))]
    orders += [(f"shuffled, {number}", random.permutation(count)) for number in range(1, SHUFFLES + 1)]
    compositions = [("one by one", np.arange(count), 1), *((name, order, batch_size) for name, order in orders)]
    if count > batch_size:
        compositions.append(("all at once", np.arange(count), count))
    for name, order, size in compositions:
        logits = single if size == 1 else _in_batches(run, crops, order, size)
        predicted = logits.argmax(axis=1)
        yield Composition(
            name=name,
            batch_size=min(size, count),
            accuracy=float((predicted == truth).mean()),
            max_difference=float(np.abs(logits - single).max()),
            changed=int((predicted != single.argmax(axis=1)).sum()),
        )


def weights_files(weights: str | Path | None) -> dict[str, Path]:
    """Return the files of these weights by suffix: of a name the shipped ones; of a path itself and the one of the other format."""
    files: dict[str, Path] = {}
    for suffix in (ONNX_SUFFIX, TORCH_SUFFIX):
        try:
            path = find_weights(weights, (suffix,))
        except WeightsError:
            continue
        sibling = path.with_suffix(suffix)
        if sibling.is_file():
            files[suffix] = sibling
    if not files:
        find_weights(weights)  # raises the error that names what was searched
    return files


def _in_batches(
    run: LogitsFunction, crops: NDArray[np.uint8], order: NDArray[np.int64], size: int
) -> NDArray[np.float32]:
    """Return logits [B, N] in the images' own order, computed `size` at a time in another order."""
    logits = np.concatenate([run(crops[batch]) for batch in chunked(order, size)])
    in_own_order = np.empty_like(logits)
    in_own_order[order] = logits
    return in_own_order


def p_cba_of(path: Path, card: WeightsCard, *, seed: int) -> tuple[LogitsFunction, str]:
    """Return a function for P_CBA and a description of its batch part.

    It is that of the whole network in the checkpoint beside the weights, else an untrained one.
    """
    import torch

    from fercli.models.btn import BTN
    from fercli.weights.files import load_weights

    trained = _network_of_run(path, card)
    if trained is None:
        torch.manual_seed(seed)
        model = BTN(card.model, len(card.labels))
        model.load_state_dict({**model.state_dict(), **load_weights(path)[0]})
        description = "untrained, as weights files do not hold it"
    else:
        model = trained.model
        description = f"trained, the whole network from {trained.description}"
        if (epoch := card.scores.get("epoch")) is not None:
            description += f"; P_VIT is of epoch {epoch}"
    model.eval()

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            p_cba = model.forward_batch(torch.from_numpy(to_input(crops, card.model.input))).p_cba
        if p_cba is None:
            raise ValueError("a training network without P_CBA")
        return p_cba.numpy()

    return run, description


def _network_of_run(weights: Path, card: WeightsCard) -> Network | None:
    """Load the network in the checkpoint beside a run's weights; None if there is none of this model with a batch part."""
    from fercli.weights.network import load_network
    from fercli.weights.run_folder import RunFolder

    folder = RunFolder(weights.parent)
    if not (folder.checkpoint.is_file() and folder.config.is_file()):
        return None
    network = load_network(folder.path, device="cpu")
    same = (network.card.model, network.card.labels) == (card.model, card.labels)
    return network if same and network.has_batch_part else None
