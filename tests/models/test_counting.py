"""Counts of the paper-size network against the published ones, and by hand on small layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fercli.config.presets import MODELS, default_recipe
from fercli.config.training import LossConfig
from fercli.models.counting import count_network, thop_macs, trace_modules
from fercli.models.cross_attention import CrossAttention


def test_trace_modules__counts_by_hand():
    # conv 3 -> 4, 3x3, 8x8 map: 64 * 4 * 27 products; linear 256 -> 5
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 5))
        trace = trace_modules(net, torch.zeros(1, 3, 8, 8))
    assert trace.flops["Global"] // 2 == 64 * 4 * 27 + 256 * 5
    assert trace.thop == {"": 0, "0": 64 * 4 * 27, "1": 0, "2": 1280}
    assert trace.outputs["0"] == ((1, 4, 8, 8),)
    assert list(trace.order) == ["", "0", "1", "2"]


def test_thop_rules__count_norms_activations_and_softmax():
    x = torch.zeros(1, 6, 4, 4, device="meta")
    assert thop_macs(nn.BatchNorm2d(6), (x,), x) == 4 * 96
    assert thop_macs(nn.PReLU(6), (x,), x) == 96
    assert thop_macs(nn.GELU(), (x,), x) == 0
    tokens = torch.zeros(1, 16, 6, device="meta")
    # softmax over rows of 16, for 16 rows and 2 heads: 16 exponentials, 15 sums, 16 divisions
    assert thop_macs(CrossAttention(6, 2, 4), (tokens, tokens), tokens) == 2 * 16 * (16 + 15 + 16)


@pytest.mark.slow
def test_btn_base__has_the_published_counts_at_inference():
    # POSTER++: 43.7 M and 8.4 G by thop; FlopCounter 8.5925 GMAC; its discarded landmark head is counted in all but the first
    net = count_network(MODELS["btn-base"], 7, training=None)
    head = net.discarded
    assert net.total.parameters == 43_753_941
    assert head.parameters == 96_016
    assert (net.dead, net.frozen) == (0, 911_232)
    assert net.total.macs + head.macs == pytest.approx(8.5925e9, abs=5e4)
    assert net.total.thop_macs + head.thop_macs == pytest.approx(8.4823e9, abs=5e4)
    assert net.total.thop_parameters + head.thop_parameters == pytest.approx(43.7243e6, abs=50)
    macs = {module.name: module.macs / 1e9 for module in net.modules}
    assert macs["image_backbone"] == pytest.approx(5.468, abs=5e-4)
    assert macs["landmark_backbone"] == pytest.approx(0.221, abs=5e-4)
    assert macs["vit"] == pytest.approx(2.164, abs=5e-4)
    assert macs["landmark_convs.2"] == pytest.approx(0.058, abs=5e-4)
    assert macs["cross.0"] == pytest.approx(0.088 + 0.026, abs=1e-3)
    shapes = {module.name: module.output for module in net.modules}
    assert shapes["image_backbone"] == ((1, 64, 56, 56), (1, 128, 28, 28), (1, 256, 14, 14))
    assert shapes["cross.2"] == ((1, 256, 7, 7),)


@pytest.mark.slow
def test_btn_base__has_the_published_counts_in_training():
    net = count_network(MODELS["btn-base"], 7, training=LossConfig())
    assert net.total.parameters == 45_035_528
    assert net.dead == 0
    assert net.total.macs + net.discarded.macs == pytest.approx(8.7032e9, abs=5e4)
    assert net.total.thop_macs + net.discarded.thop_macs == pytest.approx(8.5827e9, abs=5e4)
    assert net.total.thop_parameters + net.discarded.thop_parameters == pytest.approx(45.0009e6, abs=50)
    parts = {module.name: module.parameters for module in net.modules}
    assert parts["batch"] == 1_281_587  # BTN, N = 7


@pytest.mark.slow
def test_btn_compact__has_an_image_head_by_its_recipe():
    # a linear layer on 256 channels for 8 classes: 256 * 8 + 8
    counted = count_network(MODELS["btn-compact"], 8, training=default_recipe("btn-compact").loss)
    assert {module.name: module.parameters for module in counted.modules}["image_head"] == 2_056
