"""face-api.js's network: layer by layer by hand, and equal to the published file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.models.expression_network import CLASSES, ExpressionNetwork


def test_expression_network__has_the_published_shapes():
    network = ExpressionNetwork()
    assert sum(parameter.numel() for parameter in network.parameters()) == 323_687
    strides = [layer.stride for layer in network.depthwise]
    assert strides == [(1, 1)] * 3 + [(2, 2), (1, 1), (1, 1), (1, 1)] * 3
    assert network(torch.zeros(2, 3, 112, 112)).shape == (2, len(CLASSES))


def test_expression_network__a_dense_block_adds_the_outputs_of_all_layers():
    network = ExpressionNetwork().eval()
    with torch.no_grad():
        for layer in network.pointwise:  # every separable convolution gives its bias
            layer.weight.zero_()
            layer.bias.fill_(1.0)
        network.first.weight.zero_()
        network.first.bias.fill_(1.0)
        network.head.weight.zero_()
        network.head.bias.zero_()
        network.head.weight[0, 0] = 1.0
        logits = network(torch.zeros(1, 3, 112, 112))
    assert logits[0, 0].item() == 4.0  # of the last block: four layers that give 1 each


def test_expression_network__equals_the_published_file(shared):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = shared / "weights" / "faceapi_expression.onnx"
    network = ExpressionNetwork().eval()
    graph = onnx.load(path).graph
    tensors = {tensor.name: torch.tensor(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    constants = {
        node.output[0]: torch.tensor(onnx.numpy_helper.to_array(node.attribute[0].t))
        for node in graph.node
        if node.op_type == "Constant"
    }
    layers = [network.first]
    for depthwise, pointwise in zip(network.depthwise, network.pointwise, strict=True):
        layers += [depthwise, pointwise]
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    with torch.no_grad():
        for node, layer in zip(convolutions, layers, strict=True):
            layer.weight.copy_(tensors[node.input[1]])
            if layer.bias is not None:
                layer.bias.copy_(tensors[node.input[2]])
        network.head.weight.copy_(tensors["fc_weights"].T)
        network.head.bias.copy_(tensors["fc_bias"])
        for buffer, node in ((network.mean, graph.node[1]), (network.scale, graph.node[3])):
            buffer.copy_(constants[node.input[1]].view(1, -1, 1, 1).expand(1, 3, 1, 1))
        rgb = np.random.default_rng(0).uniform(0, 255, (2, 3, 112, 112)).astype(np.float32)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        expected = session.run(["logits"], {"rgb": rgb})[0]
        np.testing.assert_allclose(network(torch.tensor(rgb)).numpy(), expected, atol=1e-4)
