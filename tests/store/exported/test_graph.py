from types import SimpleNamespace

import numpy as np
import pytest
import torch
from onnx import numpy_helper

from fercli.errors import RefusedError
from fercli.models.btn import BTN
from fercli.store.exported import graph


def test_translate__what_only_training_uses_is_refused(tiles, card, monkeypatch):
    whole = BTN(card.model, len(card.labels))
    stray = sorted(set(whole.state_dict()) - set(BTN(card.model, len(card.labels), training_parts=False).state_dict()))
    assert stray
    tiles.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), stray[0]))
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: SimpleNamespace(model_proto=tiles))
    with pytest.raises(RefusedError, match=f"what only training uses: {stray[0]}"):
        graph.translate(torch.nn.Identity(), card)
