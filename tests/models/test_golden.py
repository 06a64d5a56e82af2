"""Logits and maps of the public baseline for deterministic weights, reproduced through the checkpoint converter."""

import ast
import importlib.util

import numpy as np
import pytest
import torch

from fercli.config.presets import model_preset
from fercli.models.btn import BTN, count_parameters
from fercli.weights.files import check_keys, load_weights
from fercli.weights.foreign.convert import convert

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def golden_weights(shared):
    """The module that makes the deterministic tensors and inputs."""
    spec = importlib.util.spec_from_file_location("golden", shared / "reference" / "poster_v2_golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[(7, "rafdb"), (8, "affectnet8")], ids=["7 classes", "8 classes"])
def run(request, shared, golden_weights, tmp_path_factory):
    """Golden outputs of the baseline, outputs of BTN for the same weights and input, and the conversion's report."""
    classes, labels = request.param
    golden = np.load(shared / "reference" / f"poster_v2_{classes}cls_golden.npz")
    folder = tmp_path_factory.mktemp("golden")
    state = {}
    for line in (shared / "reference" / "poster_v2_keys.txt").read_text().splitlines()[1:]:
        key, shape, dtype = line.split("\t")[:3]
        sizes = ast.literal_eval(shape)
        if key.startswith("VIT.head.linear"):
            sizes = (classes, *sizes[1:])
        if dtype == "int64":
            value = torch.zeros(sizes, dtype=torch.int64)
        else:
            value = torch.from_numpy(np.asarray(golden_weights.tensor_for(key, sizes, int(golden["seed"])), np.float32))
        state[f"module.{key}"] = value
    torch.save({"epoch": 3, "state_dict": state}, folder / "model.pth")
    report = convert(folder / "model.pth", folder / "model.safetensors", labels=labels)
    loaded, card = load_weights(folder / "model.safetensors")
    model = BTN(card.model, len(card.labels), training_parts=False).eval()
    check_keys(loaded, model.state_dict(), where="golden")
    model.load_state_dict(loaded)
    outputs = _run_with_taps(model, torch.from_numpy(golden_weights.images(int(golden["seed"]), int(golden["batch"]))))
    return {"golden": golden, "outputs": outputs, "report": report, "card": card, "model": model}


def _run_with_taps(model, images):
    """Logits and intermediate maps under the names and in the layouts of the baseline."""
    taps = {f"conv{level + 1}": model.tap_convs[level] for level in range(3)}
    taps |= {f"ffn{level + 1}": model.cross[level] for level in range(3)}
    taps |= {"embed_q": model.embed_low, "embed_k": model.embed_middle, "embed_v": model.embed_high}
    outputs = {}
    for name, module in taps.items():
        module.register_forward_hook(lambda _module, _inputs, output, name=name: outputs.update({name: output}))
    with torch.inference_mode():
        logits = model(images)
    outputs |= {name: outputs[name].permute(0, 2, 3, 1) for name in ("ffn1", "ffn2", "ffn3")}  # channel last
    outputs["embed_v"] = outputs["embed_v"].flatten(2).transpose(1, 2)  # tokens
    return {name: tensor.numpy() for name, tensor in (outputs | {"logits": logits}).items()}


def test_golden__logits_are_the_baselines(run):
    np.testing.assert_allclose(run["outputs"]["logits"], run["golden"]["logits"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "ffn1", "ffn2", "ffn3", "embed_q", "embed_k", "embed_v"])
def test_golden__intermediate_maps_are_the_baselines(run, name):
    output, golden = run["outputs"][name], run["golden"]
    assert output.shape == tuple(golden[f"{name}_shape"])
    assert output.mean() == pytest.approx(float(golden[f"{name}_mean"]), abs=1e-5)
    assert output.std(ddof=1) == pytest.approx(float(golden[f"{name}_std"]), abs=1e-4)
    np.testing.assert_allclose(output.ravel()[:16], golden[f"{name}_head"], atol=1e-4, rtol=1e-5)


def test_golden__live_parameters_are_counted_as_published(run):
    expected = {7: 43_753_941, 8: 43_754_710}[len(run["card"].labels)]
    assert run["report"].parameters == expected
    assert count_parameters(run["model"]) == expected


def test_golden__training_adds_the_papers_parameters():
    with torch.device("meta"):
        assert count_parameters(BTN(model_preset("btn-base"), 7)) == 45_035_528


def test_golden__every_tensor_of_the_checkpoint_is_accounted_for(run, shared):
    lines = (shared / "reference" / "poster_v2_keys.txt").read_text().splitlines()[1:]
    report = run["report"]
    assert len(report.renamed) + len(report.dropped) == len(lines)
    assert "unknown" not in report.dropped.values()
    used = {line.split("\t")[0] for line in lines if line.endswith("True")}
    assert used <= set(report.renamed.values())
