"""`fer weights` as it is typed."""

from __future__ import annotations

import json

import pytest
import torch

from fercli.cli.main import main
from fercli.errors import ExitCode


@pytest.fixture
def registry(tmp_path, cache, file_server, foreign):
    """Two entries: one that works, one whose place is gone."""
    content = foreign.save(tmp_path / "net.pth.tar", foreign.random_state(foreign.mobilefacenet())).read_bytes()
    common = {"description": "a network", "kind": "mobilefacenet", "licence": "for tests"}
    entries = [
        {**common, "name": "good", "file": "good.pth", "locations": [file_server.serve("/good", content)]},
        {**common, "name": "gone", "file": "gone.pth", "locations": [file_server.url + "/gone"]},
    ]
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"format": 1, "weights": entries}))
    return path


def test_list__shows_what_and_where(cache, capsys):
    assert main(["weights", "list"]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "https://drive.google.com/uc?export=download&id=1aVm_hmJyZ5E_0p25XTbm3X9ophsKqCxv" in output.out
    assert "MS-Celeb-1M" in output.out
    assert str(cache) in output.err


def test_list__json_is_one_list(registry, capsys):
    assert main(["weights", "list", "--registry", str(registry), "--json"]) == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["pulled"]) for one in found] == [("good", False), ("gone", False)]


def test_pull__reports_tensors_and_trust(registry, capsys):
    assert main(["weights", "pull", "good", "--registry", str(registry)]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "converted" in output.out
    assert "none is published; recorded" in output.out
    assert main(["weights", "pull", "good", "--registry", str(registry)]) == ExitCode.DONE
    assert "already downloaded" in capsys.readouterr().out
    assert main(["weights", "verify", "good", "--registry", str(registry)]) == ExitCode.DONE


def test_pull__all_continues_after_a_failure_and_ends_in_4(registry, capsys):
    assert main(["weights", "pull", "--all", "--registry", str(registry)]) == ExitCode.WEIGHTS
    output = capsys.readouterr()
    assert "HTTP 404" in output.err
    assert "with a browser" in output.err
    assert "1 of 2 could not be pulled" in output.err
    assert "good: from" in output.out


def test_pull__offline_can_be_set_by_the_environment(registry, monkeypatch, capsys):
    monkeypatch.setenv("FER_OFFLINE", "1")
    assert main(["weights", "pull", "good", "--registry", str(registry)]) == ExitCode.WEIGHTS
    assert "--offline was given" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["good", "--all"]])
def test_pull__wants_names_or_all(registry, arguments, capsys):
    assert main(["weights", "pull", *arguments, "--registry", str(registry)]) == ExitCode.USAGE


def test_verify__ends_in_4_where_a_file_has_changed(registry, cache, capsys):
    main(["weights", "pull", "good", "--registry", str(registry)])
    (cache / "weights" / "good.safetensors").write_bytes(b"changed")
    assert main(["weights", "verify", "good", "--registry", str(registry)]) == ExitCode.WEIGHTS
    assert "changed" in capsys.readouterr().out


def test_import__reports_and_names(foreign, tmp_path, cache, capsys):
    source = foreign.save(tmp_path / "net.pth.tar", foreign.random_state(foreign.mobilefacenet()))
    assert main(["weights", "import", str(source), "mine"]) == ExitCode.DONE
    assert "converted" in capsys.readouterr().out
    assert (cache / "weights" / "mine.safetensors").is_file()


def test_import__lists_what_is_missing_before_it_refuses(foreign, tmp_path, cache, capsys):
    state = foreign.random_state(foreign.mobilefacenet())
    del state["conv1.bn.weight"], state["conv1.bn.bias"]
    source = str(foreign.save(tmp_path / "net.pth.tar", state))
    assert main(["weights", "import", source, "mine"]) == ExitCode.WEIGHTS
    output = capsys.readouterr()
    assert "2 of 321 tensors missing" in output.err
    assert ["missing", "2", "of", "landmark_backbone.conv1.1"] in [line.split() for line in output.out.splitlines()]
    assert main(["weights", "import", source, "mine", "--json"]) == ExitCode.WEIGHTS
    missing = json.loads(capsys.readouterr().out)["missing"]
    assert missing == ["landmark_backbone.conv1.1.weight", "landmark_backbone.conv1.1.bias"]
    assert not (cache / "weights").exists()


def test_import__rejects_the_baselines_broken_best_file(tmp_path, cache, capsys):
    torch.save({"state": {0: {"old_p": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}, tmp_path / "model_best.pth")
    assert (
        main(["weights", "import", str(tmp_path / "model_best.pth"), "mine", "--labels", "rafdb"]) == ExitCode.WEIGHTS
    )
    said = capsys.readouterr().err
    assert (
        "contains an optimizer's state and no model: POSTER_V2 writes its model_best.pth like this by mistake" in said
    )
