"""`fer ablate` as it is typed, with real runs of the smallest network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.cli.ablate import parse_values
from fercli.cli.main import main
from fercli.errors import ExitCode, UsageError

SMALL = ["--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--set", "epochs=1", "--set", "batch_size=6"]


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Path:
    """Ten images of each class to train on, two each to validate and to test on."""
    return two_classes(train=10, val=2, test=2)


@pytest.mark.slow
def test_ablate__trains_scores_and_does_nothing_the_second_time(faces: Path, tmp_path: Path, capsys):
    out = tmp_path / "out"
    line = ["ablate", "losses", str(faces), "-o", str(out), "--seeds", "2", "--noise", "0.2", "--images", "12", *SMALL]
    assert main([*line, "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert [row["accuracy"]["n"] for row in result["rows"]] == [2, 2, 2, 2]
    assert "12 training images, 20 % label noise (seed 0)" in result["data"]
    times = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("result.json")}
    assert len(times) == 8
    assert main([*line, "--quiet"]) == ExitCode.DONE
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert "VIT + BT + CBA" in capsys.readouterr().out


def test_ablate__dry_run_lists_the_runs_and_makes_nothing(faces: Path, tmp_path: Path, capsys):
    assert main(["ablate", "lambda", str(faces), "-o", str(tmp_path / "out"), "--dry-run", *SMALL]) == ExitCode.DONE
    assert capsys.readouterr().out.count("to do") == 9 * 5
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ablate__of_some_rows_is_marked_and_keeps_the_whole_study(faces: Path, tmp_path: Path, capsys):
    (tmp_path / "losses.md").write_text("the whole study")
    line = ["ablate", "losses", str(faces), "-o", str(tmp_path), "--seeds", "2", "--rows", "VIT + CBA", *SMALL]
    assert main([*line, "--json", "--quiet"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in result["rows"]] == ["VIT", "VIT + CBA"]
    assert {Path(file).name for file in result["files"]} >= {"losses-vit-cba.md", "losses-vit-cba.json"}
    text = (tmp_path / "losses-vit-cba.md").read_text()
    assert "Not trained: VIT + BT, VIT + BT + CBA; p (Holm) is over the rows that were." in text
    assert (tmp_path / "losses.md").read_text() == "the whole study"


def test_ablate__rows_are_the_named_ones_beside_the_baseline(faces: Path, tmp_path: Path, capsys):
    line = ["ablate", "components", str(faces), "-o", str(tmp_path), "--dry-run", "--seeds", "3", *SMALL]
    assert main([*line, "--rows", "MLA+BT"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert (shown.count("to do"), shown.count("baseline"), shown.count("MLA + BT")) == (6, 3, 3)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["components", "FACES"], ExitCode.WEIGHTS),  # no landmark branch
        (["components", "FACES", "--from-scratch", "--values", "1,2"], ExitCode.USAGE),
        (["lambda", "FACES", "--from-scratch", "--seeds", "x"], ExitCode.USAGE),
        (["losses", "FACES", "--from-scratch", "--rows", "VIT,BT"], ExitCode.USAGE),
        (["colours", "FACES"], ExitCode.USAGE),
        (["losses", "FACES", "--from-scratch", "--images", "500"], ExitCode.DATA),
    ],
)
def test_ablate__mistakes_have_their_codes(words: list[str], code: ExitCode, faces: Path, capsys):
    arguments = [str(faces) if word == "FACES" else word for word in words]
    assert main(["ablate", *arguments, "--model", "btn-tiny"]) == code
    assert "fix:" in capsys.readouterr().err


def test_parse_values__reads_ranges_and_lists():
    assert parse_values("1:3:0.5") == (1, 1.5, 2, 2.5, 3)
    assert parse_values("0:0.3:0.1") == pytest.approx((0, 0.1, 0.2, 0.3))
    assert parse_values("16,32") == (16, 32)


@pytest.mark.parametrize("text", ["1:2", "a,b", "3:1:1", "1:2:0"])
def test_parse_values__refuses_what_is_no_range(text: str):
    with pytest.raises(UsageError):
        parse_values(text)
