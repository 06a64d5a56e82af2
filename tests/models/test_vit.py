"""The ViT's optional changes to its tokens: no effect when off; when on, compared with the same steps by hand."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from fercli.config.model import VitConfig
from fercli.config.presets import MODELS
from fercli.models.btn import BTN
from fercli.models.vit import VisionTransformer

CONFIG = VitConfig(width=16, depth=1, heads=2, init_std=0.2)


def build(config: VitConfig) -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(config, levels=3, tokens_each=4, num_classes=5).eval()


def test_vision_transformer__without_the_options_has_the_same_other_weights():
    plain, both = build(CONFIG), build(replace(CONFIG, level_embedding=True, token_norm=True))
    added = set(both.state_dict()) - set(plain.state_dict())
    assert added == {"level_embed", "token_norm.weight", "token_norm.bias"}
    assert all(torch.equal(value, both.state_dict()[name]) for name, value in plain.state_dict().items())


def test_vision_transformer__adds_a_vector_per_level_then_normalises_all_tokens():
    plain, both = build(CONFIG), build(replace(CONFIG, level_embedding=True, token_norm=True))
    tokens = torch.randn(2, 12, 16, generator=torch.Generator().manual_seed(1))
    assert both.level_embed is not None
    moved = [tokens[:, 4 * level : 4 * level + 4] + both.level_embed[level] for level in range(3)]
    expected = plain(F.layer_norm(torch.cat(moved, dim=1), (16,), eps=1e-6))
    torch.testing.assert_close(both(tokens), expected)
    assert not torch.allclose(both(tokens), plain(tokens), atol=1e-3)


def test_btn__gelu_changes_the_tokens_and_no_weight():
    tiny = MODELS["btn-tiny"]
    changed = replace(tiny, vit=replace(tiny.vit, embed_gelu=True))
    networks = []
    for config in (tiny, changed):
        torch.manual_seed(0)
        networks.append(BTN(config, 7).eval())
    images = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        seen = [network._tokens(network.levels(images))[0] for network in networks]
    assert networks[0].state_dict().keys() == networks[1].state_dict().keys()
    torch.testing.assert_close(seen[1], F.gelu(seen[0]))
