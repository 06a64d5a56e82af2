"""`fer doctor`: check the installation and show how to fix what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fercli.cli import options
from fercli.cli.console import json_line, say, show, table

if TYPE_CHECKING:
    from fercli.cli.checkup import Checkup


def doctor(*, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show versions, devices, execution providers and weights, and how to fix what is missing.

    The exit code is 0 if `fer predict` can run, else 1.

    Example:

      fer doctor
    """
    import dataclasses

    from fercli.cli.checkup import check_installation
    from fercli.errors import ExitCode

    checkup = check_installation()
    if json:
        json_line(dataclasses.asdict(checkup) | {"ready": checkup.ready})
    else:
        show(table("this machine", ("component", "value"), _rows(checkup)))
        if checkup.faults:
            rows = [("error" if fault.blocking else "warning", fault.problem, fault.fix) for fault in checkup.faults]
            show(table("problems", ("", "problem", "fix"), rows))
        if not quiet:
            say("ready: fer predict PHOTO" if checkup.ready else "not ready: fix the errors first")
    if not checkup.ready:
        raise typer.Exit(ExitCode.REFUSED)


def _rows(checkup: Checkup) -> list[tuple[str, str]]:
    machine, trial = checkup.machine, checkup.trial
    memory = f", {machine.memory_gb} GB memory" if machine.memory_gb else ""
    rows = [
        ("fer", checkup.fer),
        ("python", checkup.python),
        *((name, version or "missing") for name, version in checkup.packages.items()),
        ("system", f"{machine.system}, {machine.cores} cores ({machine.threads} used){memory}"),
    ]
    rows += [("GPU", f"{gpu.name}, {gpu.memory_gb} GB, capability {gpu.capability}") for gpu in machine.gpus]
    if not machine.gpus:
        rows.append(("GPU", "not usable by torch" if machine.cuda_devices else "none"))
    if machine.driver:
        rows.append(("NVIDIA driver", machine.driver))
    rows.append(("onnxruntime is built for", ", ".join(checkup.providers) or "nothing"))
    rows.append(("video codecs", ", ".join(name for name, present in checkup.codecs.items() if present) or "none"))
    rows += [(f"weights {weights.path.name}", f"{weights.card} ({weights.size_mb} MB)") for weights in checkup.weights]
    if trial:
        rows.append(
            ("default model", f"{trial.model} with {trial.engine} on {trial.device}, {trial.elapsed_ms} ms per face")
        )
    return rows
