"""Optional packages: the extra that installs each, and the error for work that needs a missing one."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fercli.errors import RefusedError


@dataclass(frozen=True)
class OptionalPackage:
    """A package outside the light install: its name on the package index, and the extra of fercli that installs it."""

    distribution: str
    extra: str


# By module. pyproject.toml lists the versions of each extra.
OPTIONAL: Mapping[str, OptionalPackage] = {
    "torch": OptionalPackage("torch", "train"),
    "torchvision": OptionalPackage("torchvision", "train"),
    "onnx": OptionalPackage("onnx", "train"),
    "onnxscript": OptionalPackage("onnxscript", "train"),
    "matplotlib": OptionalPackage("matplotlib", "train"),
    "yaml": OptionalPackage("pyyaml", "train"),
    "facenet_pytorch": OptionalPackage("facenet-pytorch", "train"),
    "pyarrow": OptionalPackage("pyarrow", "parquet"),
    "ray": OptionalPackage("ray", "ray"),
    "pandas": OptionalPackage("pandas", "ray"),
    "tensorboard": OptionalPackage("tensorboard", "tensorboard"),
    "wandb": OptionalPackage("wandb", "wandb"),
    "mlflow": OptionalPackage("mlflow-skinny", "mlflow"),
    "pytorch_grad_cam": OptionalPackage("grad-cam", "visualize"),
    "sklearn": OptionalPackage("scikit-learn", "visualize"),
}

TORCH = ("torch", "torchvision")  # what a network needs that is not exported


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ValueError, ModuleNotFoundError):  # None in sys.modules, or a finder that blocks the import
        return False


def require(work: str, modules: Sequence[str]) -> None:
    """Raise RefusedError if one of these optional modules is missing; work: the command or option that needs them."""
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise missing_packages(work, missing)


def missing_packages(work: str, modules: Sequence[str]) -> RefusedError:
    """Return the error for work that needs these missing modules: their names, and the command that installs them."""
    names = [OPTIONAL[module].distribution for module in modules]
    listed = " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
    extras = dict.fromkeys(OPTIONAL[module].extra for module in modules)
    verb = "is" if len(names) == 1 else "are"
    return RefusedError(f"{work} needs {listed}, which {verb} not installed", fix=install_command(*extras))


def install_command(*extras: str) -> str:
    """Return the command that adds extras to this installation; in double quotes, which every shell and cmd.exe takes."""
    return f'{pip_install()} "fercli[{",".join(extras)}]"'


def pip_install() -> str:
    """Return `pip install` of the environment that runs this process: by its Python's path where it is not activated."""
    in_environment = sys.prefix != sys.base_prefix
    if not in_environment or os.environ.get("VIRTUAL_ENV") == sys.prefix:
        return "pip install"
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install"
