"""Options of the execution of a training run, apart from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fercli.config.defaults import SAVE_EVERY_S, LoggerName


@dataclass(frozen=True)
class TrainOptions:
    """Options of `train` that do not change its result; RunConfig has those that do.

    device: auto | cpu | cuda[:N]. workers: processes that read images, None for up to 8 with a GPU and a thread on a CPU.
    manifest: of `fer data check`, its hash is kept with the run. loggers: besides metrics.csv. licence, notes: for the cards.
    """

    device: str = "auto"
    workers: int | None = None
    resume: bool = False
    overwrite: bool = False
    save_every_s: float = SAVE_EVERY_S
    loggers: tuple[LoggerName, ...] = ()
    manifest: Path | None = None
    licence: str = ""
    notes: tuple[str, ...] = ()
