"""`fer predict --engine ray`: Ray Data gives files to workers, which write their own parts; only a status comes back.

Frames never leave the worker that decodes them. A part has the name that `--shard` gives it, so a file that either has
finished is not read again.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from fercli.errors import RefusedError
from fercli.faces.detector import FaceDetector
from fercli.media.sources import Source
from fercli.predict.options import PredictOptions
from fercli.predict.parts import PartsFolder, write_inventory
from fercli.predict.predict import predict
from fercli.progress import Progress, silent
from fercli.results import is_frame
from fercli.system.devices import cpu_threads
from fercli.system.packages import require
from fercli.weights.classifier import Classifier

RETRIES = 2  # of a batch whose worker dies, and of each file of it alone after that
_BATCH = 16  # most files that a worker is given at once
_BATCHES_PER_WORKER = 8  # at least, so that no worker waits long for the last one
_OBJECT_STORE_BYTES = 100 << 20  # only names and counts pass through it
_INVENTORY_S = 30.0
_START_S = 300
_NOT_READ = f"its worker failed or died {1 + RETRIES} times"


@dataclass(frozen=True)
class ClusterOptions:
    """address: of a Ray cluster, `auto` for the one of this machine; None starts one here that ends with the run.

    workers: number of processes that read files; None: one per core of the cluster. gpus_per_worker: share of a GPU that
    each uses, 0 for CPUs.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float = 0.0


@dataclass(frozen=True)
class Work:
    """What a worker needs. open_models: loads the networks, once per worker. settings: what shapes the predictions."""

    folder: Path
    options: PredictOptions
    settings: Mapping[str, object]
    open_models: Callable[[], tuple[Classifier, FaceDetector | None]]


@dataclass(frozen=True)
class SourceStatus:
    """What a worker says about a file: its part, or why there is none. earlier: an earlier run wrote the part."""

    key: str
    part: str | None
    fault: str | None = None
    images: int = 0
    faces: int = 0
    earlier: bool = False


class Worker:
    """Reads batches of files with networks that it loads once, and writes their parts."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._classifier, self._detector = work.open_models()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Read a batch of Ray Data, a column of pickled sources; return the columns of SourceStatus."""
        statuses = self.read([pickle.loads(source) for source in batch["source"]])
        return {name: [getattr(status, name) for status in statuses] for name in SourceStatus.__dataclass_fields__}

    def read(self, sources: Sequence[Source]) -> list[SourceStatus]:
        """Write the parts that are missing and return the status of every source."""
        work, classifier = self._work, self._classifier
        shown = {**work.settings, "engine": f"ray, {classifier.engine} on {classifier.device}"}
        parts = PartsFolder(work.folder, sources, classifier.card, work.settings, shown_settings=shown)
        images: Counter[str] = Counter()
        faces: Counter[str] = Counter()
        faults: dict[str, str | None] = {}
        with parts:
            results = predict(parts.todo, classifier, detector=self._detector, options=work.options, pixels=False)
            for result in results if parts.todo else ():
                parts.add(result.source, result.rgb, result.predictions)
                key = result.source.key
                images[key] += result.rgb is not None
                faces[key] += len(result.faces)
                if result.rgb is None and not is_frame(result.predictions):
                    faults[key] = result.fault
        earlier = {source.key for source in parts.finished}
        return [
            SourceStatus(key, parts.part_name(source), faults.get(key), images[key], faces[key], earlier=key in earlier)
            for source in sources
            if (key := source.key)
        ]


@dataclass
class ClusterResult:
    """Counts of a run. finished_earlier: files with a part of an earlier run. failed: name of a file, and why."""

    files: int = 0
    images: int = 0
    faces: int = 0
    finished_earlier: int = 0
    failed: tuple[tuple[str, str], ...] = ()


def predict_on_cluster(
    sources: Sequence[Source],
    work: Work,
    labels: Sequence[str],
    options: ClusterOptions,
    *,
    progress: Progress = silent,
) -> ClusterResult:
    """Read all sources on a Ray cluster.

    A batch whose worker dies is given to another one, RETRIES times; then each of its files alone, as often. What remains
    is among `failed`, and the next run tries it again.
    Raises: RefusedError if Ray is not installed, or no cluster answers at the address.
    """
    require("--engine ray", ["ray", "pandas"])
    statuses: dict[str, SourceStatus] = {}
    written = 0.0
    with _ray(options) as workers:
        for most in (_BATCH, 1):
            todo = [source for source in sources if source.key not in statuses]
            size = max(1, min(most, len(todo) // (workers * _BATCHES_PER_WORKER)))
            for status in _statuses(todo, work, options, workers=min(workers, max(1, len(todo))), batch=size):
                statuses[status.key] = status
                progress(len(statuses), len(sources), Path(status.key).name)
                if monotonic() - written > _INVENTORY_S:
                    _write_inventory(work, labels, sources, statuses)
                    written = monotonic()
    _write_inventory(work, labels, sources, statuses)
    by_key = {source.key: source for source in sources}
    unread = [(by_key[key].name, status.fault) for key, status in statuses.items() if status.fault]
    unread += [(source.name, _NOT_READ) for key, source in by_key.items() if key not in statuses]
    return ClusterResult(
        files=sum(not status.earlier and status.fault is None for status in statuses.values()),
        images=sum(status.images for status in statuses.values()),
        faces=sum(status.faces for status in statuses.values()),
        finished_earlier=sum(status.earlier for status in statuses.values()),
        failed=tuple(sorted((name, fault or "") for name, fault in unread)),
    )


def _write_inventory(
    work: Work, labels: Sequence[str], sources: Sequence[Source], statuses: Mapping[str, SourceStatus]
) -> None:
    parts = {source.key: statuses[source.key].part if source.key in statuses else None for source in sources}
    write_inventory(work.folder, work.settings, labels, [(source.name, parts[source.key]) for source in sources])


def _statuses(
    sources: Sequence[Source], work: Work, options: ClusterOptions, *, workers: int, batch: int
) -> Iterator[SourceStatus]:
    """Yield the status of each source as it ends; those whose batch failed too often have none."""
    if not sources:
        return
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # what has no status is tried alone, or reported
    blocks = -(-len(sources) // batch)
    data = ray.data.from_items([{"source": pickle.dumps(source)} for source in sources], override_num_blocks=blocks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray 2.64 will take the two last ones in another way
        done = data.map_batches(
            Worker,
            fn_constructor_args=(work,),
            batch_size=batch,
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=options.gpus_per_worker or None,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
    for row in done.iter_rows():
        yield SourceStatus(**row)


def _join(address: str, options: Mapping[str, Any]) -> None:
    import ray

    try:
        ray.init(address=address, **options)
    except (ConnectionError, ValueError) as error:
        raise RefusedError(
            f"--address {address}: no Ray cluster answers",
            fix="RAY_USAGE_STATS_ENABLED=0 ray start --head on one of its machines, or remove --address",
        ) from error


@contextmanager
def _without_api_server() -> Iterator[None]:
    """Let Ray start without its API server.

    Without a dashboard it serves usage statistics alone and, also if these are off, asks the metadata servers of three
    cloud providers who runs the machine.
    """
    from ray._private.node import Node

    start = Node.start_api_server
    Node.start_api_server = lambda *_, **__: None
    try:
        yield
    finally:
        Node.start_api_server = start


@contextmanager
def _ray(options: ClusterOptions) -> Iterator[int]:
    """Connect to Ray, or start it on this machine without dashboard; yields the number of workers.

    Ray's usage statistics are off: nothing is sent. A Ray that is started here ends with the run, its files included.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", str(_START_S))  # a busy machine needs minutes
    if options.address is None:  # read when Ray is imported: it listens at the loopback address, and looks up no other
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    on_terminate = signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="fer-ray-", ignore_cleanup_errors=True) as folder:
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if options.address is not None:
            _join(options.address, common)
        else:
            with _without_api_server():
                ray.init(
                    address="local",
                    num_cpus=(options.workers or cpu_threads()) + 1,  # one for the list of files
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    _temp_dir=folder,
                    _node_ip_address="127.0.0.1",
                    **common,
                )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)  # Ray's would end the process without ours
        try:
            yield options.workers or max(1, int(ray.cluster_resources().get("CPU", 2)) - 1)
        finally:
            ray.shutdown()
