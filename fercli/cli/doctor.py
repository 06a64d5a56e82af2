"""`fer doctor`: what is there, what is missing, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fercli.cli import options
from fercli.cli.console import json_line, say, show, table

if TYPE_CHECKING:
    from fercli.cli.checkup import Checkup


def doctor(json: options.Json = False) -> None:
    """Show versions, devices, execution providers and weights, and the command that mends what is missing.

    Ends with exit code 0 if `fer predict` can run with what is there, with 1 if not.

    Example:

      fer doctor
    """
    import dataclasses

    from fercli.cli.checkup import doctor as run
    from fercli.errors import ExitCode

    checkup = run()
    if json:
        json_line(dataclasses.asdict(checkup) | {"ready": checkup.ready})
    else:
        show(table("this machine", ("what", "value"), _rows(checkup)))
        if checkup.faults:
            rows = [
                ("stops fer" if fault.blocking else "limits fer", fault.what, fault.fix) for fault in checkup.faults
            ]
            show(table("to mend", ("", "what", "how"), rows))
        say("ready: fer predict PHOTO" if checkup.ready else "not ready: mend what stops fer first")
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
        rows.append(("GPU", "none that torch can use" if machine.cuda_devices else "none"))
    if machine.driver:
        rows.append(("NVIDIA driver", machine.driver))
    rows.append(("onnxruntime is built for", ", ".join(checkup.providers) or "nothing"))
    rows.append(("video codecs", ", ".join(name for name, there in checkup.codecs.items() if there) or "none"))
    rows += [(f"weights {found.path.name}", f"{found.card} ({found.size_mb} MB)") for found in checkup.weights]
    if trial:
        rows.append(
            ("default model", f"{trial.model} by {trial.engine} on {trial.device}, {trial.elapsed_ms} ms a face")
        )
    return rows
