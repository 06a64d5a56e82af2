import torch

from fercli.bench.reference import ReferenceBTN
from fercli.config.presets import model_preset
from fercli.models.btn import BTN


def test_reference_btn__has_the_logits_of_the_model():
    torch.manual_seed(0)
    model = BTN(model_preset("btn-tiny"), 8, training_parts=False).eval()
    torch.nn.init.normal_(model.vit.head.weight)
    for block in model.cross:
        torch.nn.init.normal_(block.attention.bias_table)
        torch.nn.init.ones_(block.gamma1)
    images = torch.rand(2, 3, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(ReferenceBTN(model)(images), model(images), atol=1e-4, rtol=1e-4)
