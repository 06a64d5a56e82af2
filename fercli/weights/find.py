"""Find weights files by path, by the folder of a run, or by the name of a shipped or pulled model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fercli.errors import WeightsError
from fercli.system.cache import pulled_folder
from fercli.system.shipped import weights_folders
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX

DEFAULT_NAME = "fer-compact"


def find_weights(name_or_path: str | Path | None, suffixes: Sequence[str] = (ONNX_SUFFIX, TORCH_SUFFIX)) -> Path:
    """Find a weights file by path, folder of a run, or name; None is the default model.

    suffixes: the accepted kinds of file, preferred ones first. Raises: WeightsError.
    """
    if name_or_path is not None and Path(name_or_path).is_file():
        return Path(name_or_path)
    name = DEFAULT_NAME if name_or_path is None else str(name_or_path)
    if Path(name).is_dir():
        from fercli.weights.run_folder import run_weights

        found = run_weights(Path(name), suffixes)
        if found is None:
            raise WeightsError(
                f"{name} is a folder without a training run", fix=f"give a file in it ({' or '.join(suffixes)})"
            )
        return found
    for suffix in suffixes:
        for folder in (*weights_folders(), pulled_folder()):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    if name_or_path is not None and (Path(name).suffix or len(Path(name).parts) > 1):
        raise WeightsError(f"there is no weights file {name}", fix="fer doctor lists the available weights")
    raise WeightsError(f"no weights named {name} ({' or '.join(suffixes)})", fix=_known_names(name, suffixes))


def _known_names(name: str, suffixes: Sequence[str]) -> str:
    from fercli.weights.registry import read_registry
    from fercli.weights.versions import read_versions

    entries = read_registry().values()
    if any(name in (entry.name, *entry.outputs) for entry in entries):
        return f"fer weights pull {name}"
    if name in read_versions():
        return f"fer weights restore {name}"
    folders = (*weights_folders(), pulled_folder())
    names = sorted({path.stem for folder in folders for suffix in suffixes for path in folder.glob(f"*{suffix}")})
    known = f"known names: {', '.join(names)}; " if names else ""
    absent = [entry.name for entry in entries if not {entry.name, *entry.outputs} & set(names)]
    if absent and TORCH_SUFFIX in suffixes:
        known += f"to download with fer weights pull: {', '.join(absent)}; "
    return f"{known}or give the path of a weights file"


def shipped_weights() -> list[Path]:
    """List the shipped weights files, sorted by name."""
    return sorted(
        path for folder in weights_folders() if folder.is_dir() for path in folder.iterdir()
        if path.suffix in (TORCH_SUFFIX, ONNX_SUFFIX)
    )  # fmt: skip
