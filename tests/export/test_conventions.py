"""One exported file with all label conventions of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fercli.errors import UsageError
from fercli.export.export import export
from fercli.export.options import ExportOptions
from fercli.export.preprocessing import add_preprocessing
from fercli.export.program import export_program, open_program
from fercli.models.btn import BTN
from fercli.weights.classifier import load_classifier
from fercli.weights.conventions import Convention
from fercli.weights.files import load_weights, save_weights
from fercli.weights.preprocess import softmax

CROPS = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)


@pytest.fixture(scope="module")
def two_heads(weights):
    """A small model with the conventions mixed (default) and posed."""
    state, card = load_weights(weights)
    config = replace(card.model, conventions=("posed",))
    torch.manual_seed(0)
    model = BTN(config, 8, training_parts=False)
    model.load_state_dict(state, strict=False)
    nn.init.normal_(model.vit.convention_heads["posed"].weight)
    path = weights.with_name("two.safetensors")
    conventions = (Convention("posed", temperature=3.0),)
    save_weights(path, model.state_dict(), replace(card, model=config, convention="mixed", conventions=conventions))
    return path


@pytest.fixture(scope="module")
def all_heads(two_heads):
    return export(two_heads, two_heads.with_suffix(".onnx"), ExportOptions(interface="crops", batches=(1, 2)))


@pytest.mark.slow
def test_export__has_an_output_for_every_convention(all_heads, two_heads):
    outputs = [output.name for output in onnx.load(all_heads.out).graph.output]
    assert outputs == ["probabilities", "logits", "probabilities_posed", "logits_posed"]
    assert all_heads.conventions == ("mixed", "posed")
    for name in (None, "posed"):
        by_onnx, by_torch = (
            load_classifier(path, device="cpu", convention=name) for path in (all_heads.out, two_heads)
        )
        np.testing.assert_allclose(by_onnx.logits(CROPS), by_torch.logits(CROPS), atol=0.05)  # stored as float16
        assert by_onnx.card.temperature == (2.0 if name is None else 3.0)
    session = onnxruntime.InferenceSession(all_heads.out, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits_posed", "probabilities_posed"], {"crops": CROPS})
    np.testing.assert_allclose(probabilities, softmax(logits, 3.0), atol=1e-6)


@pytest.mark.slow
def test_export__describes_and_checks_every_convention(all_heads, read_metadata, run_check):
    logits, check, card = run_check(all_heads.out)
    assert card["convention"] == "mixed"
    np.testing.assert_allclose(logits, check["logits"], atol=1e-3)
    assert check["conventions"]["posed"]["logits"] != check["logits"]
    text = onnx.load(all_heads.out).doc_string
    assert "logits follow the label convention mixed: a stated mixture" in text
    assert "logits_posed: the same for the convention posed, the expression that the person" in text
    assert "probabilities_posed" in text


@pytest.mark.slow
def test_export__of_one_convention_has_its_logits_alone(two_heads, tmp_path):
    report = export(two_heads, tmp_path / "posed.onnx", ExportOptions(convention="posed", batches=(1, 2)))
    assert [output.name for output in onnx.load(report.out).graph.output] == ["logits"]
    exported = load_classifier(report.out, device="cpu")
    assert (exported.card.convention, exported.card.temperature) == ("posed", 3.0)
    whole = load_classifier(two_heads, device="cpu", convention="posed")
    np.testing.assert_allclose(exported.logits(CROPS), whole.logits(CROPS), atol=0.05)


@pytest.mark.slow
def test_export_program__returns_the_logits_of_every_convention(two_heads, tmp_path):
    report = export_program(two_heads, tmp_path / "two.pt2", ExportOptions(batches=(1, 2)))
    for name in ("mixed", "posed"):
        run, card = open_program(report.out, convention=name)
        expected = load_classifier(two_heads, device="cpu", convention=name)
        np.testing.assert_allclose(run(CROPS), expected.logits(CROPS), atol=1e-4)
        assert card.convention == name
    with pytest.raises(UsageError, match="has mixed, posed"):
        open_program(report.out, convention="felt")


def test_add_preprocessing__gives_the_probabilities_of_every_convention(card, tiles):
    config = replace(card.model, conventions=("posed",))
    card = replace(card, model=config, convention="mixed", conventions=(Convention("posed", temperature=4.0),))
    tiles.graph.node.append(onnx.helper.make_node("Neg", ["logits"], ["logits_posed"]))
    model = add_preprocessing(tiles, card, "crops")
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = ["logits", "logits_posed", "probabilities", "probabilities_posed"]
    logits, posed, probabilities, posed_probabilities = session.run(names, {"crops": CROPS})
    np.testing.assert_allclose(posed, -logits)
    np.testing.assert_allclose(probabilities, softmax(logits, 2.0), atol=1e-6)
    np.testing.assert_allclose(posed_probabilities, softmax(-logits, 4.0), atol=1e-6)
