"""The line of progress at every width: the bar stays, texts are shortened and left out by importance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.cli.progress_line import Speed, named, unique_heads
from fercli.cli.train_display import TrainBar
from fercli.progress import RunStart, StepProgress, TeacherProgress

STEP = StepProgress(
    epoch=13, epochs=200, step=96, steps=192, loss=1.2345, accuracy=0.63, images_per_s=311.2, seconds_left=7400,
    lr=1.8e-5, device="cuda:0",
)  # fmt: skip


def bar(run: RunStart | None = None, step: StepProgress | None = STEP) -> TrainBar:
    made = TrainBar()
    if run is not None:
        made.update(run)
    if step is not None:
        made.update(step)
    return made


@pytest.mark.parametrize("width", [40, 60, 80, 100, 130, 200])
@pytest.mark.parametrize("run", [None, RunStart(2, 3, "seed 2"), RunStart(2, 20, "VIT + BT + CBA, seed 4" * 3)])
def test_line__fits_the_terminal_and_has_one_bar_and_one_time_left(width: int, run: RunStart | None):
    line = bar(run).line(width)
    assert len(line) <= width
    assert sum(line.count(sign) for sign in "━─") >= (10 if width >= 60 else 1)
    assert line.count("left") == (1 if width >= 60 else line.count("left"))


@pytest.mark.parametrize("run", [None, RunStart(2, 3, "seed 2")])
@pytest.mark.parametrize("width", [80, 130])
def test_line__of_80_columns_has_speed_loss_rate_and_device(width: int, run: RunStart | None):
    line = bar(run).line(width)
    for text in ("13/200", " left", "loss 1.23", "311", "lr 1.8e-05", "cuda:0"):
        assert text in line, line
    assert ("2/3" in line) is (run is not None)


def test_fraction__is_of_all_runs_epochs_and_steps():
    # 12 1/2 of 200 epochs of the second of four runs
    made = bar(RunStart(2, 4, "seed 1"))
    assert made.fraction == pytest.approx((1 + 12.5 / 200) / 4)
    # two more runs as long as this one, of which no time has passed
    assert made.seconds_left() == pytest.approx(7400 * 3, rel=1e-3)
    made.update(RunStart(3, 4, "seed 2"))
    assert made.fraction == 0.5
    assert made.seconds_left() is None
    assert bar(step=None).fraction == 0


def test_fraction__never_goes_back_in_a_run():
    made, seen = bar(step=None), []
    for number in (1, 2):
        made.update(RunStart(number, 2, f"seed {number}"))
        for epoch in (1, 2):
            for step in (1, 2, 3):
                made.update(replace(STEP, epoch=epoch, epochs=2, step=step, steps=3))
                seen.append(made.fraction)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_line__of_a_teacher_counts_its_images():
    made = bar(step=None)
    made.update(TeacherProgress("large", 20, 1000))
    assert "teacher large" in made.line(80)
    assert "20/1,000" in made.line(80)


def test_line__is_ascii_where_the_terminal_is():
    assert bar().line(80, ascii_only=True).isascii()


def test_names__are_shortened_at_their_end():
    assert named("a" * 50, 1).texts[1] == "a" * 39 + "…"
    assert named("short", 1).texts == ("short",)


def test_unique_heads__are_short_and_distinct():
    classes = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert unique_heads(classes) == ["neu", "hap", "sad", "sur", "fea", "dis", "ang", "con"]
    assert unique_heads(("surprise", "surplus", "sur")) == ["surpr", "surpl", "sur"]
    assert unique_heads(("same", "same2")) == ["same", "same2"]


def test_speed__is_of_the_last_seconds():
    speed = Speed(window_s=10)
    assert speed.per_s is None
    for second in range(0, 20):
        speed.add(second, second * second)
    assert speed.per_s == pytest.approx((19**2 - 9**2) / 10, rel=0.1)
    speed.add(21, 0)
    assert speed.per_s is None
