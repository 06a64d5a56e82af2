"""The variants of Table 5's row "MLA only": what each changes, and that the normal network has none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fercli.config.model import AblateConfig
from fercli.config.presets import MODELS
from fercli.models.btn import BTN
from fercli.models.mla_only import MlaAddsTokens, MlaHead, MlaReplacesS3

TINY = MODELS["btn-tiny"]


def network(mode: str, **options: bool) -> BTN:
    torch.manual_seed(0)
    return BTN(replace(TINY, ablate=AblateConfig(mla_only=mode)), 7, **options).eval()


def images(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def test_mla_only__the_normal_network_has_no_variant():
    assert network("none").ablation is None


@pytest.mark.parametrize(("mode", "kind"), [("vit_replace", MlaReplacesS3), ("vit_concat", MlaAddsTokens)])
def test_mla_only__inference_needs_f_mla_where_the_vit_reads_it(mode: str, kind: type):
    model = network(mode, training_parts=False)
    assert isinstance(model.ablation, kind)
    before = model(images())
    with torch.no_grad():
        model.ablation.mla.conv23.weight.neg_()
    assert (model(images()) - before).abs().max() > 1e-4


def test_vit_replace__s3_is_read_through_f_mla_alone():
    model = network("vit_replace", training_parts=False)
    levels = model.levels(images())
    replaced = model.ablation(levels).levels
    assert torch.equal(replaced.high, model.ablation.mla(*levels))
    assert replaced[:2] == levels[:2]


def test_vit_concat__adds_a_fourth_map_of_tokens():
    # btn-tiny's last level is 3 x 3: 4 * 9 tokens and the class token
    assert network("vit_concat").vit.pos_embed.shape[1] == 4 * 9 + 1


def test_aux_head__is_a_linear_layer_on_the_mean_of_f_mla_in_training_only():
    model = network("aux_head")
    assert isinstance(model.ablation, MlaHead)
    f_mla = model.ablation.mla(*model.levels(images()))
    torch.testing.assert_close(model.forward_batch(images()).aux, model.ablation.head(f_mla.mean(dim=(2, 3))))
    assert not [name for name in model.inference_state() if name.startswith("ablation.")]
    assert network("aux_head", training_parts=False).ablation is None
