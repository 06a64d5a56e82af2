"""Versions, machine and git revision, recorded with every result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fercli

if TYPE_CHECKING:
    import torch

_PACKAGES = {
    "torch", "torchvision", "numpy", "pillow", "av", "facenet-pytorch", "opencv-python", "opencv-python-headless",
    "onnxruntime", "onnxruntime-gpu", "tensorboard",
}  # fmt: skip


def environment(device: torch.device | None = None, *, training_tf32: bool | None = None) -> dict[str, Any]:
    """Return versions, machine and git revision. device: the torch device, if torch is used.

    training_tf32: whether training may use TF32 on a GPU; None for everything else, which never does.
    """
    versions = {
        name: distribution.version
        for distribution in importlib.metadata.distributions()
        if (name := distribution.name) in _PACKAGES
    }
    return {
        "fercli": fercli.__version__,
        "git": git_revision(Path(fercli.__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": versions,
        **(_torch_device(device, training_tf32) if device is not None else {}),
    }


def _torch_device(device: torch.device, training_tf32: bool | None) -> dict[str, Any]:
    """The device with its name, the CUDA version of torch, and what rounding depends on: threads of a CPU, TF32 of a GPU."""
    import torch

    training = {} if training_tf32 is None else {"training": training_tf32}

    return {
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "tf32": {**training, "scoring": False} if device.type == "cuda" else None,
    }


def git_revision(package: Path) -> str | None:
    """Return the commit of a package's folder, with -dirty if a tracked file in it was changed.

    None if git does not track the package: a repository around it, as around a virtual environment, is another project's.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    revision = _git(package, "rev-parse", "HEAD")
    dirty = _git(package, "diff", "--quiet", "HEAD", "--", ".") is None
    return f"{revision}-dirty" if revision and dirty else revision


def _git(folder: Path, *words: str) -> str | None:
    """Run git in a folder and return its output; None if it fails or is not installed."""
    try:
        result = subprocess.run(["git", *words], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None
