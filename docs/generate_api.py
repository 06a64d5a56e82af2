"""Write docs/api.md from the signatures and docstrings of what `fercli` offers to other programs.

Sphinx runs it before it reads the pages; by hand: `python docs/generate_api.py`.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import fercli

PAGE = Path(__file__).parent / "api.md"
SECTIONS: dict[str, tuple[str, ...]] = {
    "Predict": (
        "fercli.predictor:Predictor",
        "fercli.predict.image_result:ImageResult",
        "fercli.results:Prediction",
        "fercli.results:Face",
        "fercli.rows.frames:to_frame",
    ),
    "Load a network": (
        "fercli.weights.loaded_model:load_model",
        "fercli.weights.loaded_model:LoadedModel",
        "fercli.weights.loaded_model:Preprocessing",
        "fercli.weights.card:WeightsCard",
        "fercli.models.btn:BTN",
    ),
    "Data": (
        "fercli.data.open:open_dataset",
        "fercli.data.dataset:Dataset",
        "fercli.data.dataset:Sample",
        "fercli.data.crops:load_crop",
        "fercli.data.loader:Crops",
    ),
    "Train and evaluate": (
        "fercli.train.train:train",
        "fercli.train.losses:btn_loss",
        "fercli.weights.run_folder:RunConfig",
        "fercli.config.presets:model_preset",
        "fercli.config.presets:recipe",
        "fercli.evaluate.evaluate:evaluate",
        "fercli.evaluate.result_file:read_result",
        "fercli.evaluate.scores:Score",
        "fercli.evaluate.report:report",
    ),
    "Extend": (
        "fercli.data.reader:Reader",
        "fercli.data.reader:Published",
        "fercli.config.labels:LabelSchema",
        "fercli.config.model:ImageBackboneConfig",
        "fercli.models.backbones:image_backbone",
        "fercli.train.losses:other_loss",
    ),
    "Errors": ("fercli.errors:FerError", "fercli.errors:ExitCode"),
}


def page() -> str:
    """Return the text of the page."""
    parts = [
        "# API reference",
        "Generated from the source. Names without a leading underscore in these modules are stable within a minor version; "
        "everything else may change. [From Python](python.md) and [Extend it](extend.md) show how they are used.",
    ]
    for heading, names in SECTIONS.items():
        parts.append(f"## {heading}")
        parts += [_entry(*name.split(":")) for name in names]
    return "\n\n".join(parts) + "\n"


def _entry(module: str, name: str) -> str:
    thing = getattr(import_module(module), name)
    package = "fercli" if name in fercli.__all__ else module
    parts = [f"### {name}", f"`from {package} import {name}`", _code(name, thing), _doc(thing)]
    if inspect.isclass(thing):
        for key, member in vars(thing).items():
            function = member.fget if isinstance(member, property) else member
            if not key.startswith("_") and inspect.isfunction(function) and function.__doc__:
                parts.append(f"**`{key}`**")
                if not isinstance(member, property):
                    parts.append(_code(key, function))
                parts.append(_doc(function))
    return "\n\n".join(part for part in parts if part)


def _code(name: str, thing: object) -> str:
    return f"```python\n{_signature(name, thing)}\n```"


def _signature(name: str, thing: object) -> str:
    try:
        signature = inspect.signature(thing)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name
    one_line = _plain(f"{name}{signature}")
    if len(one_line) <= 100 or not signature.parameters:
        return one_line
    lines = ",\n    ".join(str(parameter) for parameter in signature.parameters.values())
    result = "" if signature.return_annotation is inspect.Signature.empty else f" -> {signature.return_annotation}"
    return _plain(f"{name}(\n    {lines},\n){result}")


def _plain(signature: str) -> str:
    """Return a signature without `self`, quotes around types and addresses of functions."""
    text = re.sub(r"\((\s*)self(?:,\s*)?", r"(\1", signature)
    text = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", text)
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
