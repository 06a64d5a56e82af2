"""dlib's face-recognition ResNet as face-api.js publishes it (manifest json + bin): the image backbone `face_resnet`.

Source: dlib's dlib_face_recognition_resnet_model_v1 (Davis King, CC0); face-api.js quantises it to 8 bits (MIT).
Its layers are convolution, bias, then a scale and a shift per channel: dlib's batch norm with the statistics folded in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.errors import WeightsError
from fercli.system.json_text import parse_json
from fercli.weights.foreign.conversion import Conversion
from fercli.weights.foreign.format import ForeignFormat, preset_config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_STAGES = {"conv32": "entry", "conv64": "stages.0", "conv128": "stages.1", "conv256": "stages.2"}
_PREFIX = "image_backbone."
_EPS = 1e-5  # of torch's batch norm
_UNUSED = "belongs to the last block or the descriptor, which BTN does not use"


def convert_face_resnet(source: Mapping[str, NDArray[np.float32]]) -> Conversion:
    """Rename the arrays of the manifest to `image_backbone.*` of `btn-compact`.

    Batch norm gets running mean = -bias and running variance = 1, so evaluation mode computes what the source computes;
    `measure_statistics` gives it true statistics for training.
    """
    import numpy as np
    import torch

    state: dict[str, Tensor] = {}
    renamed: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for layer in _layers(source):
        names = _btn_layer(layer)
        if names is None:
            dropped |= {name: _UNUSED for name in source if name.startswith(f"{layer}/")}
            continue
        conv, norm = names
        bias = source[f"{layer}/conv/bias"]
        values = {
            f"{conv}.weight": (f"{layer}/conv/filters", source[f"{layer}/conv/filters"].transpose(3, 2, 0, 1)),
            f"{norm}.weight": (f"{layer}/scale/weights", source[f"{layer}/scale/weights"]),
            f"{norm}.bias": (f"{layer}/scale/biases", source[f"{layer}/scale/biases"]),
            f"{norm}.running_mean": (f"{layer}/conv/bias", -bias),
        }
        for name, (old_name, value) in values.items():
            state[f"{_PREFIX}{name}"] = torch.from_numpy(np.ascontiguousarray(value, np.float32))
            renamed[f"{_PREFIX}{name}"] = old_name
        state[f"{_PREFIX}{norm}.running_var"] = torch.full((len(bias),), 1 - _EPS)  # sqrt(var + eps) = 1
        state[f"{_PREFIX}{norm}.num_batches_tracked"] = torch.tensor(0)
    if "fc" in source:
        dropped["fc"] = _UNUSED
    return Conversion(state, renamed, dropped)


def read_manifest(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read every array of a tensorflow.js manifest by name, dequantised (value * scale + min). Raises: WeightsError."""
    import numpy as np

    try:
        groups = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(groups, list):
            raise TypeError("it is not a list of weight groups")
        arrays: dict[str, NDArray[np.float32]] = {}
        for group in groups:
            content = b"".join((path.parent / Path(part).name).read_bytes() for part in group["paths"])
            start = 0
            for entry in group["weights"]:
                packing = entry.get("quantization")
                dtype = np.dtype(packing["dtype"] if packing else entry["dtype"]).newbyteorder("<")
                raw = np.frombuffer(content, dtype, count=math.prod(entry["shape"]), offset=start)
                start += raw.nbytes
                values = raw * packing["scale"] + packing["min"] if packing else raw
                arrays[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} is not a complete tensorflow.js manifest ({error})",
            fix="keep face_recognition_model-weights_manifest.json and face_recognition_model.bin in one folder",
        ) from error
    return arrays


def measure_statistics(state: Mapping[str, Tensor], batches: Iterable[Tensor]) -> dict[str, Tensor]:
    """Give every batch norm the mean and variance of its input on real images; evaluation mode still computes the same.

    Without it, training mode would normalise a second time what is folded into the scale, and ruin the weights.
    Args: state with `image_backbone.*`; batches of normalised images [B, 3, S, S]. Returns a new state.
    """
    import torch

    from fercli.config.presets import model_preset
    from fercli.models.backbones import image_backbone

    net = image_backbone(model_preset("btn-compact").image).eval()
    net.load_state_dict({name.removeprefix(_PREFIX): tensor for name, tensor in state.items()})
    moments: dict[str, list[Tensor]] = {}

    def collect(name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
        def hook(_module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].double()
            sums = torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))]) * len(x)  # [2, C]
            moments.setdefault(name, []).append(sums)

        return hook

    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(collect(_PREFIX + name))
    images = 0
    with torch.inference_mode():
        for batch in batches:
            net(batch)
            images += len(batch)
    if not images:
        raise ValueError("statistics need at least one image")
    measured = dict(state)
    for norm, sums in moments.items():
        mean, square = torch.stack(sums).sum(0) / images
        variance = square - mean.square()
        factor = (
            state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _EPS).sqrt()
        )  # y = factor (x - old mean) + bias
        measured[f"{norm}.weight"] = (factor * (variance + _EPS).sqrt()).float()
        measured[f"{norm}.bias"] = (state[f"{norm}.bias"] + factor * (mean - state[f"{norm}.running_mean"])).float()
        measured[f"{norm}.running_mean"] = mean.float()
        measured[f"{norm}.running_var"] = variance.float()
    return measured


def _layers(names: Iterable[str]) -> list[str]:
    suffix = "/conv/filters"
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _btn_layer(layer: str) -> tuple[str, str] | None:
    """Names of BTN's convolution and batch norm for "conv64_2/conv1"; None for a stage that BTN does not have."""
    block, _, part = layer.partition("/")
    if block == "conv32_down":
        return "stem.0", "stem.1"
    stage, _, number = block.partition("_")
    if stage not in _STAGES or number not in ("down", "1", "2", "3") or part not in ("conv1", "conv2"):
        return None
    # the entry has no downsampling block, so its blocks are numbered from 1; in the stages `down` is block 0
    index = 0 if number == "down" else int(number) - (1 if stage == "conv32" else 0)
    prefix = f"{_STAGES[stage]}.{index}"
    return f"{prefix}.{part}", f"{prefix}.bn{part[-1]}"


FACE_RESNET = ForeignFormat(
    name="face_resnet",
    title="face-api.js' face_recognition_model",
    origin="dlib_face_recognition_resnet_model_v1 (Davis King, CC0), 8-bit copy of face-api.js (MIT)",
    part="image_backbone",
    config=preset_config("btn-compact"),
    convert=convert_face_resnet,
    read=read_manifest,
    suffix=".json",
    measure_statistics=measure_statistics,
)
