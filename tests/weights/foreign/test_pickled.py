import collections
import sys
import types

import numpy as np
import pytest
import torch

from fercli.errors import WeightsError
from fercli.weights.foreign.pickled import read_pickled_state


def test_read_pickled_state__strips_data_parallel_prefixes_and_widens_halves(tmp_path):
    torch.save({"state_dict": {"module.a": torch.ones(2).half(), "module.n": torch.tensor(3)}}, tmp_path / "m.pth")
    state = read_pickled_state(tmp_path / "m.pth")
    assert state["a"].dtype == torch.float32
    assert state["n"].dtype == torch.int64


@pytest.mark.parametrize("zipped", [True, False])
def test_read_pickled_state__reads_both_of_torchs_formats(tmp_path, zipped):
    torch.save({"a": torch.ones(2)}, tmp_path / "m.tar", _use_new_zipfile_serialization=zipped)
    assert read_pickled_state(tmp_path / "m.tar")["a"].tolist() == [1, 1]


def test_read_pickled_state__admits_poster_v2s_training_log(tmp_path, monkeypatch):
    """The checkpoint as the baseline writes it: a RecorderMeter of its main script, with numpy arrays, beside the weights."""
    main = sys.modules["__main__"]

    class RecorderMeter:
        def __init__(self):
            self.epoch_losses = np.zeros((2, 2), dtype=np.float32)
            self.best = np.float64(0.5)

    RecorderMeter.__module__, RecorderMeter.__qualname__ = "__main__", "RecorderMeter"
    monkeypatch.setattr(main, "RecorderMeter", RecorderMeter, raising=False)
    content = {"epoch": 7, "best_acc": torch.tensor(92.2), "recorder": RecorderMeter(), "recorder1": RecorderMeter()}
    content["state_dict"] = collections.OrderedDict({"module.a": torch.ones(1)})
    torch.save(content, tmp_path / "m.pth")
    monkeypatch.delattr(main, "RecorderMeter")
    assert list(read_pickled_state(tmp_path / "m.pth")) == ["a"]


def test_read_pickled_state__never_runs_code_of_the_file(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"state_dict": {"a": torch.ones(1)}, "extra": Bomb()}, tmp_path / "m.pth")
    with pytest.raises(WeightsError, match="whose code would run") as caught:
        read_pickled_state(tmp_path / "m.pth")
    assert "exec" in caught.value.message
    assert not (tmp_path / "ran").exists()


def test_read_pickled_state__a_whole_pickled_module_is_refused(tmp_path, monkeypatch):
    module = types.ModuleType("somebodys_models")
    monkeypatch.setitem(sys.modules, "somebodys_models", module)
    module.Net = type("Net", (torch.nn.Linear,), {"__module__": "somebodys_models"})
    torch.save(module.Net(2, 2), tmp_path / "m.pth")
    with pytest.raises(WeightsError, match=r"somebodys_models\.Net"):
        read_pickled_state(tmp_path / "m.pth")


def test_read_pickled_state__the_baselines_broken_best_file_is_recognised(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(1))
    torch.save(torch.optim.Adam([parameter]).state_dict(), tmp_path / "model_best.pth")
    with pytest.raises(WeightsError, match="optimizer's state and no model") as caught:
        read_pickled_state(tmp_path / "model_best.pth")
    assert "last epoch" in (caught.value.fix or "")


@pytest.mark.parametrize("content", [{}, {"a": 1}, [torch.ones(1)], {"state_dict": {"a": "text"}}])
def test_read_pickled_state__reports_files_without_tensors(tmp_path, content):
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(WeightsError, match="contains no state dict"):
        read_pickled_state(tmp_path / "m.pth")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short", b"\x80\x02broken"])
def test_read_pickled_state__reports_broken_and_other_files(tmp_path, content):
    (tmp_path / "m.pth").write_bytes(content)
    with pytest.raises(WeightsError):
        read_pickled_state(tmp_path / "m.pth")
