"""Export to a torch.export program: a .pt2 file that torch runs without this package, with the card inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.export.options import ExportOptions, ExportReport
from fercli.export.parity import check_conversion, compare_logits, torch_logits, worst
from fercli.export.samples import comparison_crops
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing, replacing
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LogitsFunction
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from fercli.models.btn import BTN

PROGRAM_SUFFIX = ".pt2"
_STEPS = 3


def export_program(
    weights: Path, out: Path, options: ExportOptions | None = None, *, progress: Progress = silent
) -> ExportReport:
    """Write the inference part of a model as a torch.export program, if the file gives the same logits as the model.

    For programs that have torch but not this package. Of the options, interface, precision and store do not apply.
    Raises: as `export`.
    """
    import torch

    from fercli.weights.network import load_btn, with_convention

    options = options or ExportOptions()
    if out.suffix != PROGRAM_SUFFIX:
        raise UsageError(f"the output {out} must end in {PROGRAM_SUFFIX}", fix=str(out.with_suffix(PROGRAM_SUFFIX)))
    refuse_existing(out, overwrite=options.overwrite)
    progress(0, _STEPS, "loading")
    model, card = with_convention(*load_btn(weights), options.convention)
    crops, images = comparison_crops(options.faces, card.model.input.size, count=max(options.batches))
    with replacing(out) as temporary:
        progress(1, _STEPS, "translating")
        save_program(model, card, temporary, {})
        progress(2, _STEPS, "comparing")
        parity = worst(
            [
                compare_logits(
                    torch_logits(model, card.for_convention(name)),
                    open_program(temporary, convention=name)[0],
                    crops,
                    images=images,
                    runtime=f"torch.export {torch.__version__}",
                    batches=options.batches,
                )
                for name in card.convention_names or (None,)
            ]
        )
        check_conversion(parity)
        save_program(model, card, temporary, {"parity": asdict(parity)})
    progress(_STEPS, _STEPS, "done")
    return ExportReport(
        out=out,
        size_bytes=out.stat().st_size,
        name=card.name,
        opset=None,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        interface="images",
        precision="fp32",
        parity=parity,
        float16_storage=None,
        preprocessing=None,
        conventions=card.convention_names,
    )


def save_program(model: BTN, card: WeightsCard, path: Path, extra: Mapping[str, Any]) -> None:
    """Write a model in evaluation mode as a program from images [batch, 3, S, S] to logits [batch, N], any batch size.

    Of a model with label conventions it returns a tuple of the logits of all, in the order of the card's convention_names.
    The archive also holds `card` and each of `extra` as JSON, for torch.export.load's extra_files.
    """
    import torch

    from fercli.models.every_convention import EveryConvention

    side = card.model.input.size
    batch = torch.export.Dim("batch", min=1)
    module = EveryConvention(model) if card.model.conventions else model
    program = torch.export.export(module, (torch.zeros(2, 3, side, side),), dynamic_shapes=({0: batch},))
    files = {name: json.dumps(value, sort_keys=True) for name, value in extra.items()}
    torch.export.save(program, path, extra_files={"card": card.to_json(), **files})


def open_program(path: Path, *, convention: str | None = None) -> tuple[LogitsFunction, WeightsCard]:
    """Read a program: a function from aligned crops uint8 [B, S, S, 3] to logits [B, N], and the card.

    convention: the label convention of the logits (default: that of the file). Raises: UsageError if the file lacks it.
    """
    import torch

    extra = {"card": ""}
    module = torch.export.load(path, extra_files=extra).module()
    card = WeightsCard.from_json(extra["card"], where=str(path))
    chosen = card.for_convention(convention)
    index = next((number for number, name in enumerate(card.convention_names) if name == chosen.convention), 0)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output = module(torch.from_numpy(to_input(crops, card.model.input)))
        logits: NDArray[np.float32] = (output[index] if card.conventions else output).numpy()
        return logits

    return run, chosen
