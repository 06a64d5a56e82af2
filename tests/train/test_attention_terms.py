"""Supervision and diagnostics of class batch attention against loops over images and classes, and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fercli.train.attention_terms import (
    BatchLabels,
    attention_diagnostics,
    attention_loss,
    collapse_warning,
    target_classes,
    wrong_label_terms,
)

N, B = 2, 5
LABELS = torch.tensor([0, 1, 0, 2, 1])  # image 3 has no other one of its label
TRUTH = torch.tensor([0, 0, -1, 2, 1])  # image 1 has a wrong label, the class of image 2 is unknown


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(N, B, B, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def weights_by_hand(scores: torch.Tensor, n: int, i: int, *, without_itself: bool = False) -> list[float]:
    exps = [0.0 if without_itself and i == j else math.exp(float(scores[n, i, j])) for j in range(scores.shape[2])]
    return [e / sum(exps) for e in exps]


def test_attention_loss__equals_a_loop_over_classes_and_images(scores: torch.Tensor):
    terms = []
    for n in range(N):
        for i in (0, 1, 2, 4):
            row = weights_by_hand(scores, n, i)
            terms.append(-math.log(sum(w for j, w in enumerate(row) if j != i and LABELS[j] == LABELS[i])))
    assert float(attention_loss(scores, BatchLabels(LABELS), count=B)) == pytest.approx(sum(terms) / len(terms))


def test_attention_loss__has_the_gradient_of_its_numbers(scores: torch.Tensor):
    masked = scores.masked_fill(torch.eye(B, dtype=torch.bool), -math.inf)
    for values in (scores, masked):
        free = values.clone().requires_grad_()
        loss = attention_loss(free, BatchLabels(LABELS), count=B)
        (gradient,) = torch.autograd.grad(loss, free)
        assert bool(gradient.isfinite().all())
        assert float(gradient[:, 3].abs().max()) == 0.0
    assert torch.autograd.gradcheck(lambda s: attention_loss(s, BatchLabels(LABELS), count=B), scores.requires_grad_())


def test_attention_loss__parts_of_several_processes_add_up(scores: torch.Tensor):
    whole = attention_loss(scores, BatchLabels(LABELS), count=B)
    parts = [attention_loss(scores[:, :3], BatchLabels(LABELS, 0), count=B)]
    parts.append(attention_loss(scores[:, 3:], BatchLabels(LABELS, 3), count=B))
    torch.testing.assert_close(sum(parts), whole)


def test_attention_loss__micro_batches_weigh_by_their_images(scores: torch.Tensor):
    first = attention_loss(scores[:, :3, :3], BatchLabels(LABELS[:3]), count=3)
    part = attention_loss(scores[:, :3, :3], BatchLabels(LABELS[:3]), count=B)
    torch.testing.assert_close(part, first * 3 / 5)


def test_attention_loss__without_two_images_of_a_label_is_zero(scores: torch.Tensor):
    assert float(attention_loss(scores, BatchLabels(torch.arange(B)), count=B)) == 0.0
    assert float(attention_loss(scores[:, :1, :1], BatchLabels(LABELS[:1]), count=1)) == 0.0


def test_attention_diagnostics__equal_a_loop(scores: torch.Tensor):
    rows = [(n, i) for n in range(N) for i in range(B)]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    whole = {pair: weights_by_hand(scores, *pair) for pair in rows}
    others = {pair: weights_by_hand(scores, *pair, without_itself=True) for pair in rows}
    images = mean([math.exp(-sum(w * math.log(w) for w in whole[pair])) for pair in rows])
    same = [[j for j in range(B) if j != i and LABELS[j] == LABELS[i]] for i in range(B)]
    expected = {
        "attention_own": mean([whole[n, i][i] for n, i in rows]),
        "attention_images": images,
        "attention_spread": images / B,
        "attention_same_label": mean([sum(others[n, i][j] for j in same[i]) for n, i in rows]),
        "attention_same_label_chance": mean([len(same[i]) / (B - 1) for i in range(B)]),
        "attention_wrong_label": mean([others[n, i][1] if i != 1 else 0.0 for n, i in rows]),
        "attention_wrong_label_chance": mean([1 / 4, 0, 1 / 4, 1 / 4, 1 / 4]),
    }
    found = attention_diagnostics(scores, BatchLabels(LABELS, 0, TRUTH), count=B)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, rel=1e-5)


def test_attention_diagnostics__of_a_lone_image_are_finite():
    found = attention_diagnostics(torch.zeros(N, 1, 1), BatchLabels(LABELS[:1]), count=1)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {
            "attention_own": 1,
            "attention_images": 1,
            "attention_spread": 1,
            "attention_same_label": 0,
            "attention_same_label_chance": 0,
        }
    )


def test_attention_loss__leaves_out_images_without_a_label_as_a_loop_does(scores: torch.Tensor):
    labels = torch.tensor([0, -1, 0, -1, 0])  # two images without a label are not of the same label
    terms = []
    for n in range(N):
        for i in (0, 2, 4):
            row = weights_by_hand(scores, n, i)
            terms.append(-math.log(sum(w for j, w in enumerate(row) if j != i and labels[j] == 0)))
    free = scores.clone().requires_grad_()
    loss = attention_loss(free, BatchLabels(labels), count=B)
    assert float(loss.detach()) == pytest.approx(sum(terms) / len(terms))
    (gradient,) = torch.autograd.grad(loss, free)
    assert gradient[:, [1, 3]].abs().max() == 0.0
    assert torch.autograd.gradcheck(lambda s: attention_loss(s, BatchLabels(labels), count=B), free)
    found = attention_diagnostics(scores, BatchLabels(labels), count=B)
    others = [weights_by_hand(scores, n, i, without_itself=True) for n in range(N) for i in (0, 2, 4)]
    same = sum(w[0] + w[2] + w[4] for w in others) / (N * B)  # the weight of the image itself is 0
    assert float(found["attention_same_label"]) == pytest.approx(same, rel=1e-5)
    assert float(found["attention_same_label_chance"]) == pytest.approx(3 * (2 / 4) / B)


def test_target_classes__are_the_modes_of_distributions_and_none_for_ties():
    targets = torch.tensor([[0.2, 0.8, 0.0], [0.6, 0.4, 0.0], [0.4, 0.2, 0.4]])
    assert target_classes(targets).tolist() == [1, 0, -1]
    assert target_classes(torch.tensor([3, 1])).tolist() == [3, 1]


def test_wrong_label_terms__count_true_predictions_for_wrong_labels_by_hand():
    labels, truth = torch.tensor([0, 1, 0, -1, 1]), torch.tensor([1, 0, -1, 1, 1])  # images 0 and 1 are wrong
    p_vit = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])  # right for image 0
    p_cba = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])  # right for both
    whole = wrong_label_terms(p_vit, p_cba, BatchLabels(labels, 0, truth), count=5)
    assert {name: float(value) for name, value in whole.items()} == pytest.approx(
        {"wrong_labels": 2 / 5, "wrong_vit_true": 1 / 5, "wrong_cba_true": 2 / 5}
    )
    parts = [
        wrong_label_terms(p_vit[rows], p_cba[rows], BatchLabels(labels, start, truth), count=5)
        for start, rows in ((0, slice(0, 1)), (1, slice(1, 5)))
    ]
    for name, value in whole.items():
        torch.testing.assert_close(parts[0][name] + parts[1][name], value)
    assert wrong_label_terms(p_vit, None, BatchLabels(labels), count=5) == {}
    assert "wrong_cba_true" not in wrong_label_terms(p_vit, None, BatchLabels(labels, 0, truth), count=5)


def test_collapse_warning__names_both_kinds_of_collapse():
    assert "onto the image itself (own weight 0.93)" in (collapse_warning(0.93, 0.1) or "")
    assert "nearly uniform" in (collapse_warning(0.02, 0.97) or "")
    assert collapse_warning(0.3, 0.4) is None
    assert collapse_warning(None, None) is None
