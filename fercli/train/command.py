"""The public story of training: a run folder is begun or taken up again, a run goes through it and is judged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fercli.data.dataset import Dataset
from fercli.progress import TrainEvent, TrainNote, no_report
from fercli.train.determinism import deterministic
from fercli.train.distributed import World
from fercli.train.faults import full_disk_told
from fercli.train.journal import check_tensorboard
from fercli.train.process_group import open_world
from fercli.train.run import Run, TrainResult
from fercli.weights.checkpoint import load_checkpoint
from fercli.weights.run_folder import (
    RunConfig,
    RunFolder,
    data_facts,
    data_fingerprint,
    environment,
    note_environment,
    open_run,
    start_run,
)

SAVE_EVERY_S = 240.0


def train(
    dataset: Dataset,
    out: Path,
    *,
    config: RunConfig,
    device: str = "auto",
    place: tuple[World, torch.device] | None = None,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    save_every_s: float = SAVE_EVERY_S,
    tensorboard: bool = False,
    manifest: Path | None = None,
    licence: str = "",
    notes: Sequence[str] = (),
    report: Callable[[TrainEvent], None] = no_report,
) -> TrainResult:
    """Train a BTN and leave in `out`: config, environment, data, metrics, checkpoint, weights, predictions, result.

    Weights are kept by three protocols (`selection`); the recipe's `select` names the one that is the result. An interrupted run
    goes on with `resume` as if it had not stopped. Under torchrun all processes do the work of one; `place` is where this one
    stands, left out to find out. workers: processes that read pictures, left out to choose. manifest: whose hash is kept with the
    run (`data_facts`).
    Raises: DataError without training images, RefusedError on an existing run, a loss that is not finite, a full disk or too
    little memory.
    """
    with contextlib.nullcontext(place) if place is not None else open_world(device) as (world, where):
        config = replace(config, fingerprint=data_fingerprint(dataset), processes=world.size)
        if tensorboard:
            check_tensorboard()
        with deterministic(config.train.deterministic, where):
            # all that can go wrong at the start goes wrong before an earlier run is touched
            run = Run(
                dataset,
                RunFolder(out),
                config,
                world=world,
                device=where,
                workers=_workers(where) if workers is None else workers,
                save_every_s=save_every_s,
                report=report if world.first else no_report,
            )
            facts = data_facts(dataset, manifest=manifest)
            config = replace(
                config,
                init_sha256=tuple(start["sha256"] for start in run.started_from),
                teachers_sha256=tuple(teacher.sha256 for teacher in run.teachers),
            )
            saved = world.decide(
                lambda: _open(out, config, facts, where, resume=resume, overwrite=overwrite, report=report)
            )
            if saved is not None:
                run.restore(saved)
            run.learn_from_teachers()
            run.go(tensorboard=tensorboard)
            return run.finish(licence=licence, notes=notes)


def _open(
    out: Path,
    config: RunConfig,
    facts: dict[str, Any],
    device: torch.device,
    *,
    resume: bool,
    overwrite: bool,
    report: Callable[[TrainEvent], None],
) -> dict[str, Any] | None:
    """Begin or re-open the run folder; what its checkpoint holds, if it has one to go on from."""
    if resume:
        folder = open_run(out, config)
        with full_disk_told(out):
            changed = note_environment(folder, environment(device))
        if changed:
            report(
                TrainNote(f"the run goes on in another environment, where its bits may differ: {'; '.join(changed)}")
            )
        return load_checkpoint(folder.checkpoint) if folder.checkpoint.is_file() else None
    with full_disk_told(out):
        start_run(out, config, data=facts, device=device, overwrite=overwrite)
    return None


def _workers(device: torch.device) -> int:
    """Reading processes that keep a GPU busy; on a CPU, where the step itself takes all cores, none but a thread."""
    if device.type != "cuda":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, (os.cpu_count() or 1) // here))
