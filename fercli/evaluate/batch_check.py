"""Weights and some images in, whether any answer depends on the company it is asked in out: the certificate.

Every engine answers the images one by one, and again in batches: in order, shuffled, and sorted by class, which is what a
network that reads the batch would gain most from. P_CBA, which does read the batch and is never an answer, goes through
the same for contrast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.errors import WeightsError
from fercli.evaluate.answers import Answers
from fercli.evaluate.results import BatchCheck, Composition, EngineCheck
from fercli.progress import Progress
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import open_onnx, open_torch
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from fercli.weights.network import Network

IMAGES = 256
BATCH = 64
SHUFFLES = 3
TOLERANCE = 1e-3  # of a logit: rounding of sums in another order stays a hundred times below it

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # crops [B, S, S, 3] to logits [B, N]


def batch_check(
    weights: str | Path | None, answers: Answers, places: Sequence[int], *, device: str, seed: int, progress: Progress
) -> BatchCheck:
    """Certify every engine that `weights` has a file for, on the images at `places` of what was answered.

    Errors: WeightsError where there is no file at all.
    """
    files = weights_files(weights)
    openers = {ONNX_SUFFIX: open_onnx, TORCH_SUFFIX: open_torch}
    classifiers = [openers[suffix](path, device=device) for suffix, path in files.items()]
    card = classifiers[0].card
    samples = [answers.samples[place] for place in places]
    crops = np.stack([load_crop(sample, card.model.input.size) for sample in samples])
    truth = np.array([card.labels.index(answers.labels[answers.truth[place]]) for place in places])
    torch_file = files.get(TORCH_SUFFIX)
    runs: list[tuple[str, str, Run]] = [(item.engine, "P_VIT", item.run) for item in classifiers]
    part = ""
    if torch_file is not None:
        run, part = _batch_run(torch_file, card, seed=seed)
        runs.append(("torch", "P_CBA", run))
    checks = []
    for done, (engine, what, run) in enumerate(runs):
        progress(done, len(runs), f"{engine} {what}")
        checks.append(EngineCheck(engine, what, tuple(compositions(run, crops, truth, seed=seed))))
    progress(len(runs), len(runs), "")
    missing = [suffix for suffix in openers if suffix not in files]
    return BatchCheck(
        n=len(samples),
        tolerance=TOLERANCE,
        engines=tuple(checks[: len(classifiers)]),
        contrast=checks[-1] if torch_file is not None else None,
        batch_part=part,
        missing=f"no {missing[0]} file of these weights was found: that engine is not certified" if missing else None,
    )


def compositions(
    run: Run, crops: NDArray[np.uint8], truth: NDArray[np.int64], *, seed: int, batch: int = BATCH
) -> Iterator[Composition]:
    """Answer the crops [B, S, S, 3] one by one, then in every company; differences are against one by one."""
    count = len(crops)
    alone = _in_batches(run, crops, np.arange(count), 1)
    random = np.random.default_rng(seed)
    orders = [("in order", np.arange(count)), ("sorted by class", np.argsort(truth, kind="stable"))]
    orders += [(f"shuffled, {number}", random.permutation(count)) for number in range(1, SHUFFLES + 1)]
    companies = [("one by one", np.arange(count), 1), *((name, order, batch) for name, order in orders)]
    if count > batch:
        companies.append(("all at once", np.arange(count), count))
    for name, order, size in companies:
        logits = alone if size == 1 else _in_batches(run, crops, order, size)
        guess = logits.argmax(axis=1)
        yield Composition(
            name=name,
            batch=min(size, count),
            overall=float((guess == truth).mean()),
            max_difference=float(np.abs(logits - alone).max()),
            changed=int((guess != alone.argmax(axis=1)).sum()),
        )


def weights_files(weights: str | Path | None) -> dict[str, Path]:
    """The files of these weights by suffix: of a name, those that are shipped; of a path, itself and its twin."""
    found: dict[str, Path] = {}
    for suffix in (ONNX_SUFFIX, TORCH_SUFFIX):
        try:
            path = find_weights(weights, (suffix,))
        except WeightsError:
            continue
        twin = path.with_suffix(suffix)
        if twin.is_file():
            found[suffix] = twin
    if not found:
        find_weights(weights)  # says what was looked for
    return found


def _in_batches(run: Run, crops: NDArray[np.uint8], order: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Logits [B, N] in the images' own order, answered `size` at a time in another."""
    parts = [run(crops[order[start : start + size]]) for start in range(0, len(order), size)]
    logits = np.concatenate(parts)
    back = np.empty_like(logits)
    back[order] = logits
    return back


def _batch_run(path: Path, card: WeightsCard, *, seed: int) -> tuple[Run, str]:
    """P_CBA of the run that a weights file lies in, whole as its checkpoint has it; without one, of an untrained batch part."""
    import torch

    from fercli.models.btn import BTN
    from fercli.weights.files import load_weights

    trained = _network_of_run(path, card)
    if trained is None:
        torch.manual_seed(seed)
        model = BTN(card.model, len(card.labels))
        model.load_state_dict({**model.state_dict(), **load_weights(path)[0]})
        words = "untrained, as weights files do not hold it"
    else:
        model = trained.model
        words = f"trained, the whole network from {trained.state}"
        if (epoch := card.scores.get("epoch")) is not None:
            words += f"; P_VIT is of epoch {epoch}"
    model.eval()

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            p_cba = model.forward_batch(torch.from_numpy(to_input(crops, card.model.input))).p_cba
        if p_cba is None:
            raise ValueError("a training network without P_CBA")
        return p_cba.numpy()

    return run, words


def _network_of_run(weights: Path, card: WeightsCard) -> Network | None:
    """The network in the checkpoint beside a run's weights; None where there is none of this model with a batch part."""
    from fercli.weights.network import load_network
    from fercli.weights.run_folder import RunFolder

    folder = RunFolder(weights.parent)
    if not (folder.checkpoint.is_file() and folder.config.is_file()):
        return None
    network = load_network(folder.path, device="cpu")
    same = (network.card.model, network.card.labels) == (card.model, card.labels)
    return network if same and network.has_batch_part else None
