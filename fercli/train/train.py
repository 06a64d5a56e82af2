"""`fer train`: start or resume a run folder, train, score the selected weights."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fercli.config.defaults import LoggerName
from fercli.data.dataset import Dataset
from fercli.data.facts import data_facts, data_fingerprint
from fercli.data.readable import require_readable
from fercli.evaluate.result_file import write_result
from fercli.progress import TrainEvent, TrainNote, no_report
from fercli.system.environment import environment
from fercli.system.locks import hold_lock
from fercli.train.components import Components, build_components
from fercli.train.determinism import gpu_switches
from fercli.train.loggers import check_loggers, open_writers
from fercli.train.loop import TrainingLoop, is_finished
from fercli.train.options import TrainOptions
from fercli.train.process_group import ProcessGroup
from fercli.train.reporter import Reporter
from fercli.train.result import TrainResult, build_result, run_result_file, score_selected_weights
from fercli.train.run_log import RunLog
from fercli.train.saver import Saver, read_checkpoint, restore_state
from fercli.train.scoring import Scorer
from fercli.train.selected_weights import SelectedWeights
from fercli.train.selection import Selection
from fercli.train.stage_meter import StageMeter
from fercli.train.state import TrainingState
from fercli.train.teachers import mix_in_teachers
from fercli.train.torchrun import join_process_group
from fercli.train.training_data import training_data
from fercli.train.training_errors import explain_failed_step, explain_full_disk
from fercli.weights.run_folder import RunConfig, RunFolder, record_environment, resume_run, start_run

_LOCK = ".run.lock"


def train(
    dataset: Dataset,
    out: Path,
    *,
    config: RunConfig,
    options: TrainOptions | None = None,
    joined: tuple[ProcessGroup, torch.device] | None = None,
    report: Callable[[TrainEvent], None] = no_report,
) -> TrainResult:
    """Train a BTN and write to `out`: config, environment, data, metrics, checkpoint, weights, predictions, result.

    Weights are kept by up to three selection protocols (`selection`); the recipe's `select` names the one that is the result.
    With `resume` an interrupted run continues with the same bits as if it had not stopped. Processes started by torchrun share
    the work; joined: this process's group and device if it has joined already, else it joins here.
    Raises: DataError without training images or for pictures that cannot be decoded, RefusedError for an existing run or one
    that another process trains, a loss that is not finite, a full disk or too little memory.
    """
    options = options or TrainOptions()
    membership = contextlib.nullcontext(joined) if joined is not None else join_process_group(options.device)
    with (
        membership as (group, device),
        gpu_switches(device, deterministic=config.train.deterministic, tf32=config.train.tf32),
        contextlib.ExitStack() as held,
    ):
        check_loggers(options.loggers)
        folder = RunFolder(out)
        config = replace(config, fingerprint=data_fingerprint(dataset), processes=group.size)
        # everything that can be refused is refused before the run folder is touched
        data = training_data(dataset, config)
        data.batches(0, config, group)  # refuses batches that the processes cannot share
        selection = Selection(data, config)
        components = build_components(data, config, group=group, device=device)
        facts = data_facts(dataset, manifest=options.manifest)
        config = replace(
            config,
            init_sha256=tuple(start["sha256"] for start in components.started_from),
            teachers_sha256=tuple(teacher.sha256 for teacher in components.teachers),
        )
        if not options.resume:
            pictures = [
                *data.train.samples,
                *(sample for split in data.evaluation_samples.values() for sample in split),
            ]
            group.run_on_first(lambda: require_readable(pictures, dataset.root))
        report = report if group.is_first else no_report
        group.run_on_first(lambda: held.enter_context(hold_lock(out / _LOCK, output=out)))
        saved = group.run_on_first(lambda: _open_folder(folder, config, facts, device, options=options, report=report))
        state = TrainingState(schedules=[config.train.epochs]) if saved is None else restore_state(components, saved)
        return _run(components, state, folder, selection, options=options, report=report)


def _run(
    components: Components,
    state: TrainingState,
    folder: RunFolder,
    selection: Selection,
    *,
    options: TrainOptions,
    report: Callable[[TrainEvent], None],
) -> TrainResult:
    """Train from `state` to the end and write the result."""
    first = components.group.is_first
    workers = _default_workers(components.device) if options.workers is None else options.workers
    meter = StageMeter(components.device, state.seconds, state.peak_bytes)
    scorer = Scorer(components, folder, workers=workers)
    selected = SelectedWeights(components, state, folder, selection)
    if components.teachers and not is_finished(state, components):
        _teach(components, folder, meter=meter, report=report)
    log = _open_log(components, state, folder, options.loggers)
    device = str(components.device)
    reporter = Reporter(state, components.recipe, log=log, writes=first, report=report, device=device)
    loop = TrainingLoop(
        components,
        state,
        folder,
        scorer=scorer,
        selection=selection,
        selected=selected,
        saver=Saver(components, state, folder, meter=meter, interval_s=options.save_every_s),
        reporter=reporter,
        meter=meter,
        workers=workers,
    )
    loop.run()
    results = score_selected_weights(
        components,
        state,
        folder,
        scorer=scorer,
        selected=selected,
        meter=meter,
        licence=options.licence,
        notes=options.notes,
    )
    result = build_result(components, state, folder, results)
    if first:
        with explain_full_disk(folder.path):
            reporter.close()
            write_result(folder.result, run_result_file(result, components))
    return result


def _open_log(components: Components, state: TrainingState, folder: RunFolder, loggers: Sequence[LoggerName]) -> RunLog:
    """The log of the run; the first process alone has loggers."""
    if not (loggers and components.group.is_first):
        return RunLog(folder)
    finished_steps = state.epoch * len(components.batches(0)) + state.sums.step
    with explain_full_disk(folder.path):
        return RunLog(folder, open_writers(loggers, folder, finished_steps=finished_steps))


def _teach(
    components: Components, folder: RunFolder, *, meter: StageMeter, report: Callable[[TrainEvent], None]
) -> None:
    """Mix the teachers' predictions into the training targets."""
    with (
        explain_failed_step("predicting with the teachers", folder=folder, recipe=components.recipe),
        meter.stage("teach"),
    ):
        components.data.train.targets = mix_in_teachers(
            components.data.train,
            components.data.dataset.labels,
            components.teachers,
            share=components.recipe.loss.teacher,
            group=components.group,
            device=components.device,
            report=report,
        )


def _open_folder(
    folder: RunFolder,
    config: RunConfig,
    facts: dict[str, Any],
    device: torch.device,
    *,
    options: TrainOptions,
    report: Callable[[TrainEvent], None],
) -> dict[str, Any] | None:
    """Start or reopen the run folder; returns its checkpoint if there is one to resume from."""
    if not options.resume:
        with explain_full_disk(folder.path):
            start_run(folder.path, config, data=facts, device=device, overwrite=options.overwrite)
        return None
    saved = read_checkpoint(folder)
    resume_run(folder.path, config)
    with explain_full_disk(folder.path):
        changed = record_environment(folder, environment(device, training_tf32=config.train.tf32))
    if changed:
        changes = "; ".join(changed)
        report(TrainNote(f"resuming in another environment, results may differ in the last bits: {changes}"))
    return saved


def _default_workers(device: torch.device) -> int:
    """Up to 8 reading processes for a GPU; 0 (a thread) on a CPU, where the step itself uses all cores."""
    if device.type != "cuda":
        return 0
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, (os.cpu_count() or 1) // processes))
