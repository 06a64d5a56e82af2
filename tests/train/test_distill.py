"""A landmark branch learns the points that another network finds, and becomes a part that training starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fercli.config.presets import model_preset
from fercli.data.open import open_dataset
from fercli.errors import RefusedError
from fercli.models.btn import BTN
from fercli.system.digest import file_sha256
from fercli.train.distill import DistillConfig, distill
from fercli.weights.files import load_part


class Teacher(nn.Module):
    """Points on a spiral that is the larger the brighter a picture is: [B, 3, S, S] to [B, 68, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.linspace(0, 12, 68))

    def forward(self, x: Tensor) -> Tensor:
        size = 0.1 + 0.6 * x.mean(dim=(1, 2, 3))  # [B]
        spiral = (
            torch.stack([self.turn.cos(), self.turn.sin()], dim=1)
            * torch.linspace(0.3, 1, 68, device=x.device)[:, None]
        )
        return 0.5 + size[:, None, None] * spiral / 2


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fercli.train.distill.load_landmark_net", lambda _: Teacher())
    (tmp_path / "teacher.pt").write_bytes(b"a checkpoint")
    return tmp_path / "teacher.pt"


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_distill__begins_with_the_mean_face_and_writes_a_part_that_fits_the_model(
    device: str, teacher: Path, two_classes: Callable[..., Path], tmp_path: Path
):
    faces, model = open_dataset(str(two_classes(train=24, val=6)), None), model_preset("btn-tiny")
    result = distill(
        teacher,
        faces,
        out=tmp_path / "part",
        model=model,
        config=DistillConfig(epochs=1, batch_size=8, lr=1e-3),
        device=device,
    )
    assert result.images == 48
    assert 0 < result.error < 0.5  # the mean of all spirals is off by 0.27; a network that knows nothing, by far more
    state, card = load_part(result.out)
    own = {key: value for key, value in BTN(model, 2).state_dict().items() if key.startswith("landmark_backbone.")}
    assert {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in own.items()}
    assert card.part == "landmark_backbone"
    assert card.provenance["teacher"] == {"file": "teacher.pt", "sha256": file_sha256(teacher)}
    assert card.provenance["error_of_interocular_distance"] == round(result.error, 4)


def test_distill__is_the_same_with_the_same_seed_and_replaces_nothing(
    teacher: Path, two_classes: Callable[..., Path], tmp_path: Path
):
    faces, model = open_dataset(str(two_classes(train=6, val=2)), None), model_preset("btn-tiny")
    config = DistillConfig(epochs=1, batch_size=4, images=9)
    once, again = (
        distill(teacher, faces, out=tmp_path / name, model=model, config=config, device="cpu")
        for name in ("once", "again")
    )
    assert once.images == 9
    one, other = load_part(once.out)[0], load_part(again.out)[0]
    assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(RefusedError, match="already"):
        distill(teacher, faces, out=once.out, model=model, device="cpu")
