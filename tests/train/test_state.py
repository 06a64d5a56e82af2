"""The state of a run as plain values."""

from __future__ import annotations

import json

from fercli.train.state import BestEpoch, EpochSums, TrainingState


def test_training_state__survives_json_and_keeps_counting():
    state = TrainingState(epoch=3, best={"val": BestEpoch(2, 0.5, 0.25)}, rows=[{"epoch": 1}], schedules=[9])
    state.sums.add(0.5, {"vit": 1.0}, correct=2, images=4)
    again = TrainingState.from_plain(json.loads(json.dumps(state.to_plain())))
    assert again == state
    again.sums.add(1.5, {"vit": 3.0}, correct=1, images=4)
    assert (again.sums.step, again.sums.images, again.sums.correct, again.sums.loss) == (2, 8, 3, 8.0)
    assert again.sums.mean_term("vit") == 2.0


def test_mean_term__of_a_loss_that_is_off_is_none():
    sums = EpochSums()
    sums.add(1.0, {}, correct=0, images=1)
    assert sums.mean_term("cba") is None
