"""`fer data prepare` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode


@pytest.fixture
def fer2013(tmp_path: Path) -> Path:
    grey = " ".join(["9"] * 2304)
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels,Usage\n3,{grey},Training\n3,{grey},PrivateTest\n")
    return path


def test_prepare__shows_counts_and_duplicates(fer2013, tmp_path, capsys):
    assert main(["data", "prepare", "fer2013", str(fer2013), str(tmp_path / "out")]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "happiness" in shown
    assert "1 picture occurs more than once, 0 of them with different labels" in shown
    assert "0 val and 1 test images also occur in train" in shown


def test_prepare__json_is_one_object(fer2013, tmp_path, capsys):
    assert main(["data", "prepare", "fer2013", str(fer2013), str(tmp_path / "out"), "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert result["counts"]["test"]["happiness"] == 1
    assert result["root"] == str(tmp_path / "out")


def test_prepare__twice_is_refused(fer2013, tmp_path, capsys):
    line = ["data", "prepare", "fer2013", str(fer2013), str(tmp_path / "out")]
    assert main(line) == ExitCode.DONE
    capsys.readouterr()
    assert main(line) == ExitCode.REFUSED
    assert "already" in capsys.readouterr().err
    assert main([*line, "--overwrite"]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fer2013", "missing.csv", "out"], ExitCode.DATA),
        (["fer2014", "missing.csv", "out"], ExitCode.USAGE),
        (["fer2013", "missing.csv", "out", "--labels", "majority"], ExitCode.USAGE),
    ],
)
def test_prepare__user_errors_have_their_exit_codes(arguments, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "prepare", *arguments]) == code
    assert "fix:" in capsys.readouterr().err


def test_check__shows_counts_beside_published_ones_and_exits_with_3(official_tree, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "rafdb", str(official_tree("rafdb")), "--faces", "0"]) == ExitCode.DATA
    printed = capsys.readouterr()
    error, fix = [line for line in printed.err.splitlines() if line.startswith(("error: ", "fix: "))]
    assert "train: 14 images, published are 12,271" in error
    assert error.endswith(", and 1 more")
    assert fix.startswith("fix: ")
    shown = [line.split() for line in printed.out.splitlines()]
    assert ["test", "counted", "2", "2", "2", "2", "2", "2", "2", "14"] in shown
    assert ["test", "published", "329", "74", "160", "1185", "478", "162", "680", "3068"] in shown
    assert ["2", "errors,", "0", "warnings"] in shown
    assert (tmp_path / "rafdb.manifest.csv").is_file()


def test_check__of_a_correct_folder_exits_with_0(official_tree, tmp_path, capsys):
    line = ["data", "check", str(official_tree("folder")), "--faces", "0", "--manifest", str(tmp_path / "m.csv")]
    assert main(line) == ExitCode.DONE
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main([*line, "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert (result["errors"], result["counts"]["test"]["anger"]) == (0, 2)


def test_check__strict_treats_warnings_as_errors(official_tree, tmp_path, capsys):
    line = ["data", "check", "expw", str(official_tree("expw")), "--faces", "0", "--manifest", str(tmp_path / "m.csv")]
    assert main(line) == ExitCode.DONE
    assert "warning: all: 168 images" in capsys.readouterr().out
    assert main([*line, "--strict"]) == ExitCode.DATA
    assert "all: 168 images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rafdb", "affectnet7", "expw", "caer-s", "fer2013", "ferplus"])
def test_check__without_the_data_reports_where_to_apply_for_it(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", name]) == ExitCode.DATA
    message = capsys.readouterr().err
    assert "http" in message or "Kaggle" in message
    assert "train" in message or "csv" in message or "label.lst" in message
