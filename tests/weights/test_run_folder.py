"""The folder of a training run: started once, resumed with the same settings only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fercli.config.presets import MODELS, RECIPES
from fercli.errors import DataError, RefusedError, UsageError
from fercli.weights.run_folder import RunConfig, RunFolder, record_environment, resume_run, start_run

CONFIG = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=RECIPES["compact"], init=())


def start(path: Path, *, overwrite: bool = False) -> RunFolder:
    return start_run(path, CONFIG, data={"name": "faces"}, device=torch.device("cpu"), overwrite=overwrite)


def test_start_run__refuses_a_folder_with_a_run(tmp_path: Path):
    folder = start(tmp_path / "run")
    folder.checkpoint.touch()
    with pytest.raises(RefusedError, match="already contains a run"):
        start(tmp_path / "run")
    assert not start(tmp_path / "run", overwrite=True).checkpoint.exists()


def test_resume_run__names_every_setting_that_differs(tmp_path: Path):
    start(tmp_path / "run")
    assert resume_run(tmp_path / "run", CONFIG).path == tmp_path / "run"
    other = replace(CONFIG, processes=2, train=replace(CONFIG.train, batch_size=CONFIG.train.batch_size + 1))
    with pytest.raises(UsageError, match=r"processes was 1, now 2; train\.batch_size was"):
        resume_run(tmp_path / "run", other)
    with pytest.raises(DataError, match="there is no run"):
        resume_run(tmp_path / "nowhere", CONFIG)


def test_resume_run__takes_another_number_of_epochs_but_not_fewer_than_are_finished(tmp_path: Path):
    folder = start(tmp_path / "run")
    folder.metrics.write_text("epoch\n1\n2\n3\n")
    resume_run(tmp_path / "run", replace(CONFIG, train=replace(CONFIG.train, epochs=3)))
    assert json.loads(folder.config.read_text())["train"]["epochs"] == 3
    with pytest.raises(UsageError, match="3 finished epochs, more than the 2 requested"):
        resume_run(tmp_path / "run", replace(CONFIG, train=replace(CONFIG.train, epochs=2)))


def test_record_environment__keeps_what_can_change_the_bits(tmp_path: Path):
    folder = start(tmp_path / "run")
    folder.environment.write_text(json.dumps({"threads": 4, "platform": "a", "packages": {"torch": "2"}}))
    folder.checkpoint.touch()
    assert record_environment(folder, {"threads": 4, "platform": "b", "packages": {"torch": "2"}}) == []
    now = {"threads": 8, "platform": "b", "packages": {"torch": "2"}}
    assert record_environment(folder, now) == ["threads was 4, now 8"]
    assert json.loads(folder.environment.read_text())["resumed"] == [now]
