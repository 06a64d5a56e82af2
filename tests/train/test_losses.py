"""The loss of Eq. 9 by hand."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch

from fercli.config.training import LossConfig
from fercli.models.batch_transformer import BatchMix
from fercli.models.btn import BatchOutput
from fercli.train.losses import btn_loss, class_weights, refined_targets

# two classes: cross-entropy of logits (0, 0) is log 2; of (log 3, 0) with truth 0 it is -log(3/4)
EVEN = torch.tensor([[0.0, 0.0]])
SURE = torch.tensor([[math.log(3.0), 0.0]])
TRUTH = torch.tensor([0])


def test_btn_loss__is_two_vit_plus_bt_plus_cba():
    loss, terms = btn_loss(BatchOutput(p_vit=EVEN, p_cba=EVEN, p_bt=SURE, aux=None), TRUTH, LossConfig())
    assert float(loss) == pytest.approx(2 * math.log(2) + math.log(4 / 3) + math.log(2))
    assert {name: float(term) for name, term in terms.items()} == pytest.approx(
        {"vit": math.log(2), "bt": math.log(4 / 3), "cba": math.log(2)}
    )


def test_btn_loss__a_weight_of_zero_leaves_the_term_out():
    loss, terms = btn_loss(BatchOutput(EVEN, SURE, SURE, None), TRUTH, LossConfig(vit=1, bt=0, cba=0))
    assert float(loss) == pytest.approx(math.log(2))
    assert set(terms) == {"vit"}


def test_btn_loss__an_image_head_adds_its_own_cross_entropy():
    output = BatchOutput(SURE, None, None, None, EVEN)
    loss, terms = btn_loss(output, TRUTH, LossConfig(image=0.5))
    assert float(loss) == pytest.approx(2 * math.log(4 / 3) + 0.5 * math.log(2))
    assert float(terms["image"]) == pytest.approx(math.log(2))


def test_btn_loss__distillation_is_the_divergence_from_a_fixed_p_bt():
    # from (3/4, 1/4) to (1/2, 1/2): 3/4 log 3/2 + 1/4 log 1/2
    p_vit, p_bt = EVEN.clone().requires_grad_(), SURE.clone().requires_grad_()
    loss, terms = btn_loss(BatchOutput(p_vit, SURE, p_bt, None), TRUTH, LossConfig(vit=0, bt=0, cba=0, distill=2))
    assert float(terms["distill"]) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert float(loss.detach()) == pytest.approx(2 * float(terms["distill"]))
    loss.backward()
    assert p_bt.grad is None
    # of a softmax's divergence: 2 (own - teacher)
    torch.testing.assert_close(p_vit.grad, torch.tensor([[-0.5, 0.5]]))


def test_btn_loss__soft_targets_weigh_both_classes():
    # target (3/4, 1/4) at logits (log 3, 0): the entropy of (3/4, 1/4)
    target = torch.tensor([[0.75, 0.25]])
    loss, _ = btn_loss(BatchOutput(SURE, None, None, None), target, LossConfig(vit=1))
    assert float(loss) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


def test_class_weights__average_to_one_over_the_images():
    weights = class_weights(torch.tensor([1, 4]), 0.5)
    # 1 and 1/2, scaled so that (1 w0 + 4 w1) / 5 = 1
    assert weights is not None
    torch.testing.assert_close(weights, torch.tensor([5 / 3, 5 / 6]))
    assert class_weights(torch.tensor([1, 4]), 0) is None


def test_refined_targets__mix_label_and_p_cba_by_hand():
    # label (1, 0), P_CBA (3/4, 1/4): with a share of 0.4 (0.6 + 0.3, 0.1); from P_VIT (1/2, 1/2): (0.8, 0.2)
    output = BatchOutput(p_vit=EVEN, p_cba=SURE, p_bt=SURE, aux=None)
    found = refined_targets(TRUTH, output, LossConfig(), shift=None, share=0.4)
    torch.testing.assert_close(found, torch.tensor([[0.9, 0.1]]))
    itself = refined_targets(TRUTH, output, LossConfig(refine_from="vit"), shift=None, share=0.4)
    torch.testing.assert_close(itself, torch.tensor([[0.8, 0.2]]))
    soft = refined_targets(torch.tensor([[0.5, 0.5]]), output, LossConfig(), shift=None, share=0.4)
    torch.testing.assert_close(soft, torch.tensor([[0.6, 0.4]]))


@pytest.mark.parametrize("source", ["ema", "permuted"])
def test_refined_targets__of_another_teacher_are_its_logits(source: Literal["ema", "permuted"]):
    output = BatchOutput(p_vit=EVEN, p_cba=EVEN, p_bt=SURE, aux=None)
    config = LossConfig(refine_from=source)
    found = refined_targets(TRUTH, output, config, shift=None, share=0.4, teacher=SURE)
    torch.testing.assert_close(found, torch.tensor([[0.9, 0.1]]))
    with pytest.raises(ValueError, match=source):
        refined_targets(TRUTH, output, config, shift=None, share=0.4)


def test_refined_targets__use_the_logits_that_the_losses_use():
    # with the prior (1/4, 3/4) the adjusted P_CBA is even
    shift = torch.tensor([1 / 4, 3 / 4]).log()
    output = BatchOutput(p_vit=EVEN, p_cba=SURE, p_bt=SURE, aux=None)
    found = refined_targets(TRUTH, output, LossConfig(), shift=shift, share=1.0)
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5]]))


def test_btn_loss__refine_changes_the_target_of_l_vit_only_and_has_no_gradient_through_it():
    p_vit, p_cba = EVEN.clone().requires_grad_(), SURE.clone().requires_grad_()
    output = BatchOutput(p_vit, p_cba, SURE, None)
    config = LossConfig(vit=1, bt=0, cba=0, refine=0.4)
    loss, _ = btn_loss(output, TRUTH, config, refine=0.4)
    assert float(loss.detach()) == pytest.approx(math.log(2))
    loss.backward()
    assert p_cba.grad is None
    torch.testing.assert_close(p_vit.grad, torch.tensor([[0.5 - 0.9, 0.5 - 0.1]]))
    _, unrefined = btn_loss(BatchOutput(EVEN, SURE, SURE, None), TRUTH, LossConfig(), refine=0.0)
    _, refined = btn_loss(BatchOutput(EVEN, SURE, SURE, None), TRUTH, LossConfig(), refine=0.4)
    assert (refined["cba"], refined["bt"]) == (unrefined["cba"], unrefined["bt"])


def test_btn_loss__supervised_attention_is_added_with_its_weight():
    # two images of one label, each with the weight 1/4 on the other one: -log(1/4)
    scores = torch.tensor([[[math.log(3.0), 0.0], [0.0, math.log(3.0)]]])
    logits = torch.zeros(2, 1)
    output = BatchOutput(logits, logits, logits, None, mix=BatchMix(logits, logits, scores, logits))
    config = LossConfig(vit=0, bt=0, cba=0, attention=0.5)
    loss, terms = btn_loss(output, torch.tensor([0, 0]), config)
    assert float(loss) == pytest.approx(0.5 * math.log(4))
    assert float(terms["attention"]) == pytest.approx(math.log(4))
    assert float(terms["attention_own"]) == pytest.approx(0.75)


def test_btn_loss__refined_by_itself_has_the_gradient_of_a_smaller_weight_of_l_vit():
    # target (1 - R) y + R p: the gradient is p - target = (1 - R) (p - y), so `own teacher` of docs/ablate.md is no teacher
    logits, truth = torch.randn(8, 7, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 7

    def gradient(config: LossConfig, refine: float) -> torch.Tensor:
        p_vit = logits.clone().requires_grad_()
        btn_loss(BatchOutput(p_vit, None, None, None), truth, config, refine=refine)[0].backward()
        assert p_vit.grad is not None
        return p_vit.grad

    itself = gradient(LossConfig(vit=2, bt=0, cba=0, refine=0.9, refine_from="vit"), 0.9)
    torch.testing.assert_close(itself, gradient(LossConfig(vit=0.2, bt=0, cba=0), 0.0))
