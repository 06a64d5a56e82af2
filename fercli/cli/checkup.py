"""Check the installation: packages, devices, codecs and weights, and how to fix what is missing."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from fercli import __version__
from fercli.errors import FerError
from fercli.evaluate.scores import selection_code, selection_text
from fercli.system.devices import (
    CUDA_PROVIDER,
    cpu_threads,
    cuda_device_count,
    disable_telemetry,
    onnx_runtime,
)
from fercli.system.packages import OPTIONAL, install_command, pip_install
from fercli.weights.files import read_card
from fercli.weights.find import shipped_weights

# (distributions that provide it, module, purpose); those that OPTIONAL lists are not needed by `fer predict`
_PACKAGES: Sequence[tuple[tuple[str, ...], str, str]] = (
    (("numpy",), "numpy", "arrays"),
    (("torch",), "torch", "training"),
    (("torchvision",), "torchvision", "training"),
    (("matplotlib",), "matplotlib", "plots"),
    (("facenet-pytorch",), "facenet_pytorch", "comparison in benchmarks"),
    (("onnxruntime-gpu", "onnxruntime"), "onnxruntime", "running exported models"),
    (
        ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
        "cv2",
        "resizing and cropping pictures",
    ),
    (("av",), "av", "reading and writing videos"),
    (("pillow",), "PIL", "reading and writing pictures"),
    (("safetensors",), "safetensors", "weights files"),
    (("onnx",), "onnx", "exporting"),
    (("onnxscript",), "onnxscript", "exporting"),
)
_VIDEO_CODECS = {"libx264": "H.264 videos that browsers play", "aac": "the sound of annotated videos"}


@dataclass(frozen=True)
class Fault:
    """A problem of the installation and its fix. blocking: `fer predict` does not work because of it."""

    problem: str
    fix: str
    blocking: bool


@dataclass(frozen=True)
class Gpu:
    """One CUDA device as torch reports it."""

    name: str
    memory_gb: float
    capability: str


@dataclass(frozen=True)
class Machine:
    """The computer. memory_gb: total; threads: number of threads that computation uses."""

    system: str
    cores: int
    threads: int
    memory_gb: float | None
    cuda_devices: int
    driver: str | None
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True)
class LocalWeights:
    """A weights file with a summary of its card, or why it cannot be read."""

    path: Path
    size_mb: float
    card: str


@dataclass(frozen=True)
class Trial:
    """One run of the default model on an empty picture: the engine and device it used, and its time after a warm-up."""

    model: str
    engine: str
    device: str
    elapsed_ms: float


@dataclass(frozen=True)
class Checkup:
    """The result of `fer doctor`. ready: `fer predict` can run."""

    fer: str
    python: str
    packages: Mapping[str, str | None]
    machine: Machine
    providers: tuple[str, ...]
    codecs: Mapping[str, bool]
    weights: tuple[LocalWeights, ...]
    trial: Trial | None
    faults: tuple[Fault, ...]

    @property
    def ready(self) -> bool:
        return not any(fault.blocking for fault in self.faults)


def check_installation() -> Checkup:
    """Check packages, devices, execution providers, codecs and weights, and run the default model once."""
    faults: list[Fault] = []
    packages = _packages(faults)
    machine = _machine(faults, torch_works=packages["torch"] is not None)
    providers = _providers(faults, machine) if packages["onnxruntime"] else ()
    codecs = _codecs(faults) if packages["av"] else {}
    weights = tuple(_describe_weights(path, faults) for path in shipped_weights())
    trial = _trial(faults, machine) if packages["onnxruntime"] else None
    return Checkup(
        fer=__version__,
        python=platform.python_version(),
        packages=packages,
        machine=machine,
        providers=providers,
        codecs=codecs,
        weights=weights,
        trial=trial,
        faults=tuple(faults),
    )


def _packages(faults: list[Fault]) -> dict[str, str | None]:
    """Version of every package by module name, None if it is missing or does not load."""
    disable_telemetry()
    versions: dict[str, str | None] = {}
    missing: list[str] = []
    for distributions, module, purpose in _PACKAGES:
        installed = {name: version for name in distributions if (version := _version(name))}
        versions[module] = None
        if len(installed) > 1:
            faults.append(_conflict(installed, module))
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            if not installed and module in OPTIONAL:
                missing.append(module)
            else:
                faults.append(_not_loading(error, distributions[0], module, purpose, installed=bool(installed)))
        else:
            versions[module] = ", ".join(f"{name} {version}" for name, version in installed.items()) or "unknown"
    faults += _missing_extras(missing)
    return versions


def _missing_extras(modules: Sequence[str]) -> list[Fault]:
    """One fault for every extra, with all its packages that are not installed."""
    purposes = {module: purpose for _, module, purpose in _PACKAGES}
    faults = []
    for extra in dict.fromkeys(OPTIONAL[module].extra for module in modules):
        missing = [module for module in modules if OPTIONAL[module].extra == extra]
        names = ", ".join(OPTIONAL[module].distribution for module in missing)
        verb = "is" if len(missing) == 1 else "are"
        why = ", ".join(dict.fromkeys(purposes[module] for module in missing))
        faults.append(Fault(f"{names} {verb} not installed ({why})", install_command(extra), blocking=False))
    return faults


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _conflict(installed: Mapping[str, str], module: str) -> Fault:
    keep, *_ = installed  # the first is the one this package depends on
    return Fault(
        f"{' and '.join(installed)} overwrite each other's files: both are the module {module}",
        f"pip uninstall -y {' '.join(installed)} && pip install {keep}",
        blocking=False,
    )


def _not_loading(error: Exception, name: str, module: str, purpose: str, *, installed: bool) -> Fault:
    blocking = module not in OPTIONAL
    if not installed:
        return Fault(f"{name} is not installed ({purpose})", f"{pip_install()} {name}", blocking)
    library = re.search(r"(lib[\w.+-]+\.so[\w.]*)", str(error))
    if library and library[1].startswith(("libGL", "libgthread", "libglib")):
        return Fault(
            f"{name} does not load: the system lacks {library[1]} ({purpose})",
            "apt-get install -y libgl1 libglib2.0-0",
            blocking,
        )
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return Fault(
        f"{name} does not load ({purpose}): {reason[0]}", f"{pip_install()} --force-reinstall {name}", blocking
    )


def _machine(faults: list[Fault], *, torch_works: bool) -> Machine:
    devices = cuda_device_count()
    gpus = _gpus() if torch_works else ()
    if devices and torch_works and not gpus:
        faults.append(
            Fault(
                "there is a GPU, but this build of torch cannot use it",
                "pip install torch for the driver's CUDA version (see pytorch.org)",
                blocking=False,
            )
        )
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        threads=cpu_threads(),
        memory_gb=_memory_gb(),
        cuda_devices=devices,
        driver=_driver(),
        gpus=gpus,
    )


def _gpus() -> tuple[Gpu, ...]:
    import torch

    if not torch.cuda.is_available():
        return ()
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return tuple(Gpu(gpu.name, round(gpu.total_memory / 1e9, 1), f"{gpu.major}.{gpu.minor}") for gpu in gpus)


def _driver() -> str | None:
    """Version of NVIDIA's kernel driver; None where Linux does not report one."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    version = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", text)
    return version[1] if version else None


def _memory_gb() -> float | None:
    if sys.platform == "win32":
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _providers(faults: list[Fault], machine: Machine) -> tuple[str, ...]:
    available: tuple[str, ...] = tuple(onnx_runtime().get_available_providers())
    if machine.cuda_devices and CUDA_PROVIDER not in available:
        faults.append(
            Fault(
                "there is a GPU, but this onnxruntime is built for the CPU only",
                "pip uninstall -y onnxruntime && pip install onnxruntime-gpu",
                blocking=False,
            )
        )
    return available


def _codecs(faults: list[Fault]) -> dict[str, bool]:
    import av

    available: Any = av.codecs_available
    codecs = {name: name in available for name in _VIDEO_CODECS}
    for name, purpose in _VIDEO_CODECS.items():
        if not codecs[name]:
            faults.append(
                Fault(f"this build of av has no {name} ({purpose})", "pip install --force-reinstall av", blocking=False)
            )
    return codecs


def _describe_weights(path: Path, faults: list[Fault]) -> LocalWeights:
    try:
        card = read_card(path)
    except FerError as error:
        faults.append(Fault(error.message, error.fix or f"remove {path}", blocking=False))
        line = "unreadable"
    else:
        epoch = card.scores.get("epoch")
        selection = selection_text(selection_code(card.scores), card.scores.get("selected_by"))
        facts = [f"{len(card.labels)} classes ({card.schema})", f"epoch {epoch}" if epoch else None, selection]
        line = f"{card.name} {card.version}: {', '.join(fact for fact in facts if fact)}"
    return LocalWeights(path, round(path.stat().st_size / 1e6, 1), line)


def _trial(faults: list[Fault], machine: Machine) -> Trial | None:
    """Run the default model; adds a fault if it does not run, or runs on the CPU although there is a GPU."""
    import numpy as np

    from fercli.weights.classifier import load_classifier

    try:
        classifier = load_classifier()
        size = classifier.card.model.input.size
        crop = np.zeros((1, size, size, 3), np.uint8)
        classifier.classify(crop)
        started = time.perf_counter()
        classifier.classify(crop)
        elapsed_ms = round((time.perf_counter() - started) * 1e3, 1)
    except FerError as error:
        faults.append(Fault(error.message, error.fix or "fer predict PHOTO --weights FILE", blocking=True))
        return None
    if (
        machine.cuda_devices
        and classifier.device == "cpu"
        and not any("onnxruntime" in fault.problem for fault in faults)
    ):
        faults.append(
            Fault(
                "there is a GPU, but ONNX Runtime cannot load the CUDA and cuDNN libraries",
                install_command("gpu"),
                blocking=False,
            )
        )
    return Trial(classifier.card.name, classifier.engine, classifier.device, elapsed_ms)
