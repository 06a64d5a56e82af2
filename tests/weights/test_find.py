import json
import os

import pytest
import torch

from fercli.errors import WeightsError
from fercli.weights import find
from fercli.weights.files import save_weights
from fercli.weights.find import find_weights, shipped_weights


def test_find_weights__a_path_is_itself(tmp_path):
    (tmp_path / "w.onnx").touch()
    assert find_weights(tmp_path / "w.onnx") == tmp_path / "w.onnx"


def test_find_weights__finds_names_with_the_requested_suffix(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "weights_folders", lambda: (tmp_path / "absent", tmp_path))
    for name in ("fer-compact.safetensors", "fer-compact.onnx", "other.safetensors"):
        (tmp_path / name).touch()
    assert find_weights(None).name == "fer-compact.onnx"
    assert find_weights(None, (".safetensors",)).name == "fer-compact.safetensors"
    assert find_weights("other").name == "other.safetensors"
    assert [path.name for path in shipped_weights()] == [
        "fer-compact.onnx",
        "fer-compact.safetensors",
        "other.safetensors",
    ]


def test_find_weights__an_unknown_name_lists_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "weights_folders", lambda: (tmp_path,))
    (tmp_path / "fer-compact.onnx").touch()
    with pytest.raises(WeightsError, match="no weights named fer-large") as caught:
        find_weights("fer-large")
    assert "known names: fer-compact; to download with fer weights pull: ir50, mobilefacenet, " in (
        caught.value.fix or ""
    )
    with pytest.raises(WeightsError) as caught:
        find_weights("fer-large", (".onnx",))  # what can be downloaded is not exported
    assert caught.value.fix == "known names: fer-compact; or give the path of a weights file"


def test_find_weights__distinguishes_a_missing_path_and_a_folder(tmp_path):
    with pytest.raises(WeightsError, match="there is no weights file"):
        find_weights(tmp_path / "runs" / "best.safetensors")
    with pytest.raises(WeightsError, match="is a folder"):
        find_weights(tmp_path)


def run_folder(folder, card, *, select="last", kept=("last",)):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"train": {"select": select}}))
    for stem in kept:
        save_weights(folder / f"{stem}.safetensors", {"x": torch.zeros(1)}, card)
    return folder


@pytest.mark.parametrize(
    ("select", "kept", "found"),
    [
        ("val", ("best", "last", "test-best"), "best"),
        ("last", ("best", "last", "test-best"), "last"),
        ("test_best", ("best", "last", "test-best"), "test-best"),
        ("val", ("last",), "last"),
    ],
)
def test_find_weights__of_a_run_are_those_it_selected(tmp_path, card, select, kept, found):
    folder = run_folder(tmp_path / "run", card, select=select, kept=kept)
    assert find_weights(folder, (".safetensors",)) == folder / f"{found}.safetensors"
    assert find_weights(str(folder)) == folder / f"{found}.safetensors"


def test_find_weights__of_a_run_prefers_an_export_that_is_not_older(tmp_path, card):
    folder = run_folder(tmp_path / "run", card)
    with pytest.raises(WeightsError, match="no exported weights") as caught:
        find_weights(folder, (".onnx",))
    assert caught.value.fix == f"fer export --onnx --weights {folder}"
    exported, trained = folder / "last.onnx", folder / "last.safetensors"
    exported.write_bytes(b"onnx")
    os.utime(exported, (trained.stat().st_mtime + 5,) * 2)
    assert find_weights(folder) == exported
    os.utime(exported, (trained.stat().st_mtime - 5,) * 2)
    assert find_weights(folder) == trained


def test_find_weights__of_folders_without_one_result_say_what_to_give(tmp_path, card):
    run_folder(tmp_path / "seeds" / "seed-0", card)
    run_folder(tmp_path / "seeds" / "seed-1", card)
    with pytest.raises(WeightsError, match="the runs of 2 seeds") as caught:
        find_weights(tmp_path / "seeds")
    assert str(tmp_path / "seeds" / "seed-0") in caught.value.fix
    with pytest.raises(WeightsError, match="no weights yet"):
        find_weights(run_folder(tmp_path / "new", card, kept=()))
    with pytest.raises(WeightsError, match="without a training run"):
        find_weights(tmp_path)
