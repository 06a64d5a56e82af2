import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fercli.config.presets import model_preset
from fercli.errors import WeightsError
from fercli.models.face_resnet import FaceResNet
from fercli.weights.foreign.face_resnet import convert_face_resnet, measure_statistics, read_manifest

LAYERS = [("conv32_down", 3, 32, 7)] + [
    (f"{block}/conv{number}", first if number == 1 else channels, channels, 3)
    for channels, first, blocks in (
        (32, 32, ["conv32_1", "conv32_2", "conv32_3"]),
        (64, 32, ["conv64_down"]),
        (64, 64, ["conv64_1", "conv64_2", "conv64_3"]),
        (128, 64, ["conv128_down"]),
        (128, 128, ["conv128_1", "conv128_2"]),
        (256, 128, ["conv256_down"]),
        (256, 256, ["conv256_1", "conv256_2"]),
    )
    for block in blocks
    for number in (1, 2)
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A manifest in face-api.js' form with random values: quantised, but for one array, and one unused layer."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("faceapi")
    entries, content = [], b""
    for name, inputs, channels, kernel in [*LAYERS, ("conv256_down_out/conv1", 256, 4, 3)]:
        for leaf, shape, low, high in (
            ("conv/filters", [kernel, kernel, inputs, channels], -0.05, 0.05),
            ("conv/bias", [channels], -0.1, 0.1),
            ("scale/weights", [channels], 0.5, 2.0),
            ("scale/biases", [channels], -0.5, 0.5),
        ):
            entry = {"name": f"{name}/{leaf}", "shape": shape, "dtype": "float32"}
            if name == "conv64_2/conv1":
                content += random.uniform(low, high, shape).astype("<f4").tobytes()
            else:
                entry["quantization"] = {"dtype": "uint8", "scale": (high - low) / 255, "min": low}
                content += random.integers(0, 256, shape, np.uint8).tobytes()
            entries.append(entry)
    (folder / "w.bin").write_bytes(content)
    (folder / "w-weights_manifest.json").write_text(json.dumps([{"paths": ["w.bin"], "weights": entries}]))
    return folder / "w-weights_manifest.json"


def _reference(arrays, x):
    """The layers as face-api.js applies them: convolution, bias, scale, shift; blocks with shortcuts."""

    def conv(name, x, stride=1, padding=1):
        filters = torch.from_numpy(arrays[f"{name}/conv/filters"]).permute(3, 2, 0, 1)
        y = F.conv2d(x, filters, torch.from_numpy(arrays[f"{name}/conv/bias"]), stride, padding)
        scale, shift = (
            torch.from_numpy(arrays[f"{name}/scale/{leaf}"])[:, None, None] for leaf in ("weights", "biases")
        )
        return y * scale + shift

    x = F.max_pool2d(conv("conv32_down", x, 2, 3).relu(), 3, 2, 1)
    for block in [name.removesuffix("/conv1") for name, *_ in LAYERS if name.endswith("/conv1")]:
        if block.endswith("down"):
            y = conv(f"{block}/conv1", F.pad(x, (0, 1, 0, 1)), 2, 0)
            x = F.avg_pool2d(x, 2)
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        else:
            y = conv(f"{block}/conv1", x)
        x = (x + conv(f"{block}/conv2", y.relu())).relu()
    return x


def _net(state):
    net = FaceResNet(model_preset("btn-compact").image).eval()
    net.load_state_dict({name.removeprefix("image_backbone."): tensor for name, tensor in state.items()})
    return net


def test_read_manifest__dequantises_value_times_scale_plus_min(tmp_path):
    entry = {
        "name": "a",
        "shape": [3],
        "dtype": "float32",
        "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0},
    }
    plain = {"name": "b", "shape": [1, 2], "dtype": "float32"}
    (tmp_path / "w.bin").write_bytes(bytes([0, 2, 255]) + np.array([1.5, -2], "<f4").tobytes())
    (tmp_path / "m.json").write_text(json.dumps([{"paths": ["w.bin"], "weights": [entry, plain]}]))
    arrays = read_manifest(tmp_path / "m.json")
    assert arrays["a"].tolist() == [-1.0, 0.0, 126.5]
    assert arrays["b"].tolist() == [[1.5, -2.0]]


def test_convert_face_resnet__computes_what_the_source_computes(source):
    conversion = convert_face_resnet(read_manifest(source))
    x = torch.from_numpy(np.random.default_rng(1).normal(0, 0.3, (2, 3, 64, 64)).astype(np.float32))
    with torch.no_grad():
        ours, theirs = _net(conversion.state)(x)[2], _reference(read_manifest(source), x)
    assert ours.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_convert_face_resnet__unused_layers_are_reported(source):
    conversion = convert_face_resnet(read_manifest(source))
    assert len(conversion.renamed) == 4 * len(LAYERS)
    assert set(conversion.dropped) == {
        f"conv256_down_out/conv1/{leaf}" for leaf in ("conv/filters", "conv/bias", "scale/weights", "scale/biases")
    }


def test_measure_statistics__keep_evaluation_and_make_training_agree_with_it(source):
    state = convert_face_resnet(read_manifest(source)).state
    x = torch.from_numpy(np.random.default_rng(2).normal(0, 0.3, (8, 3, 64, 64)).astype(np.float32))
    measured = measure_statistics(state, x.split(4))
    with torch.no_grad():
        before, after = _net(state)(x)[2], _net(measured)(x)[2]
        torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)
        training = _net(measured).train()(x)[2]
        torch.testing.assert_close(training, before, atol=1e-2, rtol=1e-2)
        without = _net(state).train()(x)[2]
    assert (without - before).abs().mean() > 10 * (training - before).abs().mean()


def test_measure_statistics__needs_images(source):
    with pytest.raises(ValueError, match="at least one image"):
        measure_statistics(convert_face_resnet(read_manifest(source)).state, [])


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "[" * 200_000, '[{"paths": [], "weights": [1]}]', '[{"paths": ["gone.bin"], "weights": []}]'],
)
def test_read_manifest__broken_files_are_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(WeightsError, match=r"not a complete tensorflow\.js manifest"):
        read_manifest(tmp_path / "m.json")


def test_read_manifest__a_bin_cut_short_is_refused(source, tmp_path):
    (tmp_path / "m.json").write_text(source.read_text())
    (tmp_path / "w.bin").write_bytes(source.with_name("w.bin").read_bytes()[:-9])
    with pytest.raises(WeightsError, match=r"not a complete tensorflow\.js manifest"):
        read_manifest(tmp_path / "m.json")
