from types import SimpleNamespace

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper

from fercli.errors import RefusedError
from fercli.export import graph
from fercli.models.btn import BTN


def test_translate__training_only_parameters_are_refused(tiles, card, monkeypatch):
    whole = BTN(card.model, len(card.labels))
    stray = sorted(set(whole.state_dict()) - set(BTN(card.model, len(card.labels), training_parts=False).state_dict()))
    assert stray
    tiles.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), stray[0]))
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: SimpleNamespace(model_proto=tiles))
    with pytest.raises(RefusedError, match=f"training-only parameters: {stray[0]}"):
        graph.translate(torch.nn.Identity(), card)


def test_refuse_unused__unused_tensors_and_nodes_are_refused(tiles):
    graph.refuse_unused(tiles)
    tiles.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "weight"))
    with pytest.raises(RefusedError, match="unused tensors or operators: weight;"):
        graph.refuse_unused(tiles)
    tiles.graph.node.append(helper.make_node("Add", ["pooled", "weight"], ["sum"]))
    with pytest.raises(RefusedError, match="unused tensors or operators: sum;"):
        graph.refuse_unused(tiles)


def test_refuse_unused__an_operator_may_have_outputs_that_are_not_read(tiles):
    # one output of Split is enough
    tiles.graph.node.insert(0, helper.make_node("Split", ["images"], ["left", "right"], axis=3, num_outputs=2))
    tiles.graph.node[1].input[0] = "left"
    graph.refuse_unused(tiles)
