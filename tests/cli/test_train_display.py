"""Lines that `fer train` writes while it trains."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.cli.train_display import epoch_line, live_report
from fercli.progress import EpochReport, TrainNote

EPOCH = EpochReport(
    epoch=1, lr=0.1, loss=2.0, loss_vit=1.0, loss_bt=None, loss_cba=None, train_accuracy=0.5, val_loss=None,
    val_accuracy=None, val_mean_accuracy=None, test_accuracy=None, test_mean_accuracy=None, seconds=65.0,
    images_per_s=20.0, data_wait=0.25, memory_gib=1.0, best=False,
)  # fmt: skip


def test_epoch_line__has_what_was_measured():
    assert epoch_line(EPOCH) == "epoch 1: loss 2.000, train 50.0 %, 20 images/s, 1 min 05 s"
    scored = replace(EPOCH, val_accuracy=0.875, val_mean_accuracy=0.5, best=True)
    assert "validation 87.50 % (mean class 50.00 %)" in epoch_line(scored)
    assert epoch_line(scored).endswith("best so far")


@pytest.mark.parametrize(("wait", "warned"), [(0.25, True), (0.05, False)])
def test_live_report__warns_after_the_first_epoch_if_it_waited_for_images(
    wait: float, warned: bool, capsys: pytest.CaptureFixture[str]
):
    with live_report(quiet=False) as report:
        report(replace(EPOCH, data_wait=wait))
        report(replace(EPOCH, epoch=2, data_wait=0.9))
    assert ("25 % of the time was spent waiting for images" in capsys.readouterr().err) == warned


def test_live_report__quiet_still_shows_warnings(capsys: pytest.CaptureFixture[str]):
    with live_report(quiet=True) as report:
        report(EPOCH)
        report(TrainNote("another environment"))
    assert capsys.readouterr().err == "warning: another environment\n"
