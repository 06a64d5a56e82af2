"""`fer predict --engine ray`: its options, and what it shows at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options
from fercli.errors import DataError, RefusedError, UsageError
from fercli.formatting import pluralize, printable

if TYPE_CHECKING:
    from fercli.faces.detector import FaceDetector
    from fercli.media.sources import Source
    from fercli.predict.options import PredictOptions
    from fercli.weights.classifier import Classifier

RAY = "ray"
_CLUSTER = "Cluster"

EngineOption = Annotated[
    Literal["auto", "onnx", "torch", "ray"],
    typer.Option(
        "--engine",
        help="What runs the network. auto follows the weights file: .onnx or .safetensors. "
        "ray: workers on all cores or machines of a Ray cluster, each as with auto.",
        rich_help_panel=options.MODEL,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="auto|HOST:PORT",
        help="Ray cluster that --engine ray joins (default: Ray is started on this machine, for this run).",
        rich_help_panel=_CLUSTER,
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes of --engine ray that read files (default: one per core).",
        rich_help_panel=_CLUSTER,
        show_default=False,
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        metavar="SHARE",
        min=0,
        help="GPUs of each worker of --engine ray: 0.25 puts four workers on one (default: 0, CPUs).",
        rich_help_panel=_CLUSTER,
        show_default=False,
    ),
]


# parameters of fer predict that need the results of all files in one process
_OF_ONE_PROCESS = (
    *("shard", "save", "report", "json", "resume", "overwrite", "boxes", "confusion", "baseline", "people"),
    *("pseudonyms", "processing_log", "seconds"),
)


@dataclass(frozen=True)
class Cluster:
    """--engine ray and its options. Raises: UsageError for these options with another engine."""

    engine: str
    address: str | None
    workers: int | None
    gpus_per_worker: float | None

    def __post_init__(self) -> None:
        named = {
            "--address": self.address,
            "--workers": self.workers,
            "--gpus-per-worker": self.gpus_per_worker,
        }
        for option, value in named.items():
            if value is not None and not self.is_used:
                raise UsageError(f"{option} is for --engine ray", fix=f"--engine ray, or remove {option}")

    @property
    def is_used(self) -> bool:
        return self.engine == RAY

    @property
    def engine_of_worker(self) -> str:
        """The engine that loads the networks."""
        return "auto" if self.is_used else self.engine

    def check(self, out: Path | None, parameters: Mapping[str, object]) -> None:
        """Refuse options that need the results of all files in one process. parameters: of the command, by name."""
        if not self.is_used:
            return
        if out is None:
            raise UsageError("--engine ray needs a folder for the parts", fix="--out PARTS, which all machines share")
        from fercli.system.packages import require

        for name in _OF_ONE_PROCESS:
            if parameters[name]:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(
                    f"{option} does not work with --engine ray, whose workers write parts",
                    fix=f"remove {option}; fer merge makes tables and a page from the parts",
                )
        require("--engine ray", ["ray", "pandas"])

    def device(self, device: str) -> str:
        """Return the device of a worker."""
        return "cuda" if self.gpus_per_worker and device == "auto" else device

    def run(
        self,
        sources: list[Source],
        out: Path,
        settings: PredictOptions,
        recorded: dict[str, object],
        open_models: Callable[[], tuple[Classifier, FaceDetector | None]],
        labels: tuple[str, ...],
        *,
        strict: bool,
        quiet: bool,
    ) -> None:
        """Predict on the cluster, show the counts and list what failed."""
        from fercli.predict.cluster import ClusterOptions, Work, predict_on_cluster

        live = [source.name for source in sources if source.is_live]
        if live:
            raise UsageError(f"{live[0]}: cameras and streams stay in one process", fix="remove --engine ray")
        chosen = ClusterOptions(self.address, self.workers, self.gpus_per_worker or 0.0)
        work = Work(out.absolute(), settings, recorded, open_models)
        with console.progress("predict", quiet=quiet) as progress:
            result = predict_on_cluster(sources, work, labels, chosen, progress=progress)
        earlier = f", {result.finished_earlier} finished earlier" if result.finished_earlier else ""
        counts = f"{pluralize(result.images, 'image')}, {pluralize(result.faces, 'face')}"
        console.show(printable(f"{pluralize(result.files, 'file')} read: {counts}{earlier}"))
        console.warn_each([f"{name}: {reason}" for name, reason in result.failed])
        if not quiet:
            console.say(printable(f"parts in {work.folder}; fer merge {work.folder} --out RESULTS"))
        if result.failed and not result.files and not result.finished_earlier:
            raise DataError(f"none of the {pluralize(len(sources), 'file')} could be read", fix="check the paths")
        if result.failed and strict:
            raise RefusedError(
                f"{len(result.failed)} of {pluralize(len(sources), 'file')} could not be read (--strict)",
                fix="remove these files, or run without --strict",
            )
