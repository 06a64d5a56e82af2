"""Training recipes: limits of their fields, and which losses need the batch transformer."""

import pytest

from fercli.config.training import LossConfig, TrainConfig


def test_train_config__names_every_field_out_of_range():
    with pytest.raises(ValueError, match="epochs must be at least 1") as caught:
        TrainConfig(epochs=0, batch_size=4, accumulate=5, gamma=1.5)
    assert str(caught.value).split("; ") == [
        "epochs must be at least 1 and at most 100,000, got 0",
        "gamma must be at least 0 and at most 1, got 1.5",
        "accumulate must be at least 1 and at most 4, got 5",
    ]


@pytest.mark.parametrize(
    ("loss", "needed"),
    [
        (LossConfig(), True),
        (LossConfig(bt=0.0, cba=0.0), False),
        (LossConfig(bt=0.0, cba=0.0, distill=0.5), True),
        (LossConfig(bt=0.0, cba=0.0, image=1.0), False),
    ],
)
def test_uses_batch_transformer__is_needed_for_losses_of_p_bt_and_p_cba(loss: LossConfig, needed: bool):
    assert loss.uses_batch_transformer is needed
