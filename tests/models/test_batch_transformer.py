"""Class batch attention against the paper's loop over classes, o_n (Eq. 4), and its algebra."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch

from fercli.config.model import CbaConfig
from fercli.models.batch_transformer import (
    ClassBatchAttention,
    batch_attention,
    centred_directions,
    class_batch_attention,
    sinusoidal_encoding,
)

B, N, D = 5, 3, 4


@pytest.fixture
def embedding() -> torch.Tensor:
    return torch.randn(B, N, D, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def values() -> torch.Tensor:
    return torch.randn(B, N, generator=torch.Generator().manual_seed(1))


def test_class_batch_attention__equals_the_papers_loop_over_classes(embedding: torch.Tensor, values: torch.Tensor):
    scale = 1 / math.sqrt(N)
    expected = torch.empty(B, N)
    for n in range(N):
        for i in range(B):
            scores = [sum(float(embedding[i, n, d] * embedding[j, n, d]) for d in range(D)) * scale for j in range(B)]
            exps = [math.exp(s) for s in scores]
            expected[i, n] = sum(e / sum(exps) * float(values[j, n]) for j, e in enumerate(exps))
    torch.testing.assert_close(class_batch_attention(embedding, values, scale=scale), expected)


def test_class_batch_attention__follows_a_permutation_of_the_batch(embedding: torch.Tensor, values: torch.Tensor):
    order = torch.tensor([3, 0, 4, 1, 2])
    mixed = class_batch_attention(embedding, values, scale=1.0)
    torch.testing.assert_close(class_batch_attention(embedding[order], values[order], scale=1.0), mixed[order])


def test_class_batch_attention__stays_between_the_values_of_the_batch(embedding: torch.Tensor, values: torch.Tensor):
    mixed = class_batch_attention(embedding, values, scale=1.0)
    assert (mixed <= values.max(dim=0).values + 1e-6).all()
    assert (mixed >= values.min(dim=0).values - 1e-6).all()


def test_class_batch_attention__of_a_lone_image_changes_nothing(embedding: torch.Tensor, values: torch.Tensor):
    torch.testing.assert_close(class_batch_attention(embedding[:1], values[:1], scale=1.0), values[:1])


def test_batch_attention__masked_is_the_softmax_over_the_others(embedding: torch.Tensor):
    weights = batch_attention(embedding, scale=1.0, self_offset=0)
    for n in range(N):
        for i in range(B):
            exps = [0.0 if j == i else math.exp(float(embedding[i, n] @ embedding[j, n])) for j in range(B)]
            assert weights[n, i].tolist() == pytest.approx([e / sum(exps) for e in exps], abs=1e-6)


def test_batch_attention__masked_in_two_processes_is_that_of_one(embedding: torch.Tensor):
    whole = batch_attention(embedding, scale=1.0, self_offset=0)
    second = batch_attention(embedding[3:], scale=1.0, keys=embedding, self_offset=3)  # which holds the rows from 3 on
    torch.testing.assert_close(second, whole[:, 3:])


def test_class_batch_attention__masked_and_alone_attends_to_itself(embedding: torch.Tensor, values: torch.Tensor):
    torch.testing.assert_close(class_batch_attention(embedding[:1], values[:1], scale=1.0, self_offset=0), values[:1])


@pytest.mark.parametrize("count", [1, 4])
def test_class_batch_attention_module__mask_self_leaves_finite_scores_and_gradients(count: int):
    cba = ClassBatchAttention(CbaConfig(mask_self=True), channels=8, positions=9, num_classes=N, kernel=1)
    features = torch.randn(count, 8, 3, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
    scores = torch.randn(count, N, generator=torch.Generator().manual_seed(3), requires_grad=True)
    mixed = cba(features, scores).p_cba
    mixed.square().sum().backward()
    assert all(bool(tensor.isfinite().all()) for tensor in (mixed, features.grad, scores.grad))
    if count > 1:  # without its own score an image's mix does not follow it
        other = scores.detach().clone()
        other[0] += 5.0
        torch.testing.assert_close(cba(features, other).p_cba[0], mixed[0])
        assert not torch.allclose(cba(features, other).p_cba[1], mixed[1])


def test_batch_attention__positional_encoding_is_a_bias_per_key(embedding: torch.Tensor):
    # softmax((e_i + p)(e_j + p)) = softmax(e_i e_j + e_j p), since what does not depend on j drops out
    p = torch.randn(N, D, generator=torch.Generator().manual_seed(2))
    per_class = embedding.transpose(0, 1)  # [N, B, D]
    key_bias = (per_class * p[:, None]).sum(dim=-1)  # [N, B]
    expected = (per_class @ per_class.mT + key_bias[:, None, :]).softmax(dim=-1)
    torch.testing.assert_close(batch_attention(embedding + p, scale=1.0), expected)


def test_sinusoidal_encoding__of_an_odd_width_by_hand():
    # position 1 of width 3: sin(1), cos(1), sin(1 / 10000^(2/3)); position 0: 0, 1, 0
    encoding = sinusoidal_encoding(2, 3)
    expected = torch.tensor([[0.0, 1.0, 0.0], [math.sin(1), math.cos(1), math.sin(10000 ** (-2 / 3))]])
    torch.testing.assert_close(encoding, expected)


def test_centred_directions__attention_equals_a_loop_over_cosines(embedding: torch.Tensor):
    queries, keys = centred_directions(embedding, embedding)
    weights = batch_attention(queries, scale=7.0, keys=keys, self_offset=0)
    for n in range(N):
        centre = [sum(float(embedding[j, n, d]) for j in range(B)) / B for d in range(D)]
        centred = [[float(embedding[j, n, d]) - centre[d] for d in range(D)] for j in range(B)]
        for i in range(B):
            exps = []
            for j in range(B):
                product = sum(a * b for a, b in zip(centred[i], centred[j], strict=True))
                cosine = product / math.sqrt(sum(a * a for a in centred[i]) * sum(b * b for b in centred[j]))
                exps.append(0.0 if i == j else math.exp(7 * cosine))
            assert weights[n, i].tolist() == pytest.approx([e / sum(exps) for e in exps], abs=1e-5)


def test_centred_directions__do_not_depend_on_what_all_images_share(embedding: torch.Tensor):
    shared = torch.randn(N, D, generator=torch.Generator().manual_seed(5))  # such as the positional encoding
    found, _ = centred_directions(3 * (embedding + shared), 3 * (embedding + shared))
    torch.testing.assert_close(found, centred_directions(embedding, embedding)[0], atol=1e-5, rtol=1e-5)


def test_centred_directions__have_the_gradient_of_their_numbers():
    draw = torch.Generator().manual_seed(6)
    embedding = torch.randn(B, N, D, dtype=torch.float64, generator=draw, requires_grad=True)
    values = torch.randn(B, N, dtype=torch.float64, generator=draw, requires_grad=True)
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)

    def mix(e: torch.Tensor, v: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        queries, keys = centred_directions(e, e)
        return class_batch_attention(queries, v, scale=s, keys=keys, self_offset=0)

    assert torch.autograd.gradcheck(mix, (embedding, values, scale))


def cosine_attention(**settings: Any) -> ClassBatchAttention:
    torch.manual_seed(0)
    config = CbaConfig(similarity="cosine", mask_self=True, **settings)
    return ClassBatchAttention(config, channels=8, positions=9, num_classes=N, kernel=1)


def test_class_batch_attention_module__cosine_stays_bounded_however_large_the_maps_are():
    features = torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(2))
    scores = torch.randn(6, N, generator=torch.Generator().manual_seed(3))
    cba = cosine_attention(logit_scale=5.0)
    found = cba(1000 * features, scores).scores.detach()
    others = found[:, ~torch.eye(6, dtype=torch.bool)]
    assert float(others.abs().max()) <= 5.0 + 1e-4
    assert bool(cba(0 * features, scores).p_cba.isfinite().all())


def test_class_batch_attention_module__learns_a_scale_that_stays_in_its_range():
    features = torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(2))
    scores = torch.randn(6, N, generator=torch.Generator().manual_seed(3))
    cba = cosine_attention(logit_scale=10.0).train()
    cba(features, scores).p_cba.square().sum().backward()
    assert cba.log_scale is not None
    assert float(cba.log_scale.grad.abs()) > 0
    with torch.no_grad():
        cba.log_scale.fill_(9.0)
    assert float(cba.scale.detach()) == pytest.approx(100.0)
    cba(features, scores)
    assert float(cba.log_scale.detach()) == pytest.approx(math.log(100))  # where it has a gradient again


@pytest.mark.parametrize("value", ["logits", "probs"])
def test_permuted_logits__keep_the_weights_and_take_the_values_of_the_image_before(value: Literal["logits", "probs"]):
    features = torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(2))
    p_vit = torch.randn(6, N, generator=torch.Generator().manual_seed(3), requires_grad=True)
    cba = cosine_attention(value=value)
    mix = cba(features, p_vit)
    weights, values = mix.scores.softmax(dim=-1).detach(), p_vit.detach()
    values = values.softmax(dim=-1) if value == "probs" else values
    found = cba.permuted_logits(mix)
    assert not found.requires_grad
    for i in range(6):
        row = [sum(float(weights[n, i, j] * values[(j - 1) % 6, n]) for j in range(6)) for n in range(N)]
        expected = row if value == "logits" else [math.log(share / sum(row)) for share in row]
        assert found[i].tolist() == pytest.approx(expected, abs=1e-5)
