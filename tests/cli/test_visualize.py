"""`fer visualize` and `fer audit` as they are typed."""

from __future__ import annotations

import json

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.system.packages import is_installed


def test_visualize__attention_lists_its_files(make_run, three_classes, tmp_path, capsys):
    run, out = make_run("run"), tmp_path / "out"
    line = ["visualize", "attention", str(three_classes.root), "-w", str(run), "-o", str(out), "--count", "6"]
    assert main([*line, "--device", "cpu", "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert result["files"] == ["attention.csv", "attention.html", "attention.npz", "figure.json"]
    assert "epoch 3 of the run" in result["networks"][0]
    assert main([*line, "--device", "cpu"]) == ExitCode.REFUSED
    assert main([*line, "--device", "cpu", "--overwrite"]) == ExitCode.DONE
    assert str(out / "attention.html") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["attention", "DATA", "-w", "RUN/last.safetensors"], ExitCode.WEIGHTS),
        (["attention", "DATA", "-w", "RUN", "--image", "nobody"], ExitCode.DATA),
        (["tsne", "DATA", "-w", "RUN", "--feature", "pixels"], ExitCode.USAGE),
        (["tsne", "DATA", "-w", "RUN", "--count", "9"], ExitCode.REFUSED),
        pytest.param(
            *(["scorecam", "DATA", "-w", "RUN", "--layer", "S4"], ExitCode.USAGE),
            marks=pytest.mark.skipif(not is_installed("pytorch_grad_cam"), reason="the extra visualize"),
        ),
        (["probabilities", "DATA", "-w", "nothing-of-that-name"], ExitCode.WEIGHTS),
        (["probabilities", "DATA", "-w", "RUN", "-w", "RUN", "-w", "RUN"], ExitCode.USAGE),
    ],
)
def test_visualize__mistakes_have_their_codes(words, code, make_run, three_classes, tmp_path, capsys):
    places = {"DATA": str(three_classes.root), "RUN": str(make_run("run"))}
    given = [word.replace("RUN", places["RUN"]) if word.startswith("RUN") else places.get(word, word) for word in words]
    assert main(["visualize", *given, "--device", "cpu", "-o", str(tmp_path / "out")]) == code
    assert "fix:" in capsys.readouterr().err


def test_audit__shows_the_scores_of_its_ranking(make_run, three_classes, tmp_path, capsys):
    run, data = str(make_run("run")), str(three_classes.root)
    line = [
        "audit",
        run,
        data,
        "--split",
        "test",
        "--truth",
        data,
        "-o",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--show",
        "1",
    ]
    assert main(line) == ExitCode.DONE
    output = capsys.readouterr().out
    assert "24 images of faces test, ranked by loss" in output
    assert "0.0 % of 24 labels with a truth are wrong" in output
