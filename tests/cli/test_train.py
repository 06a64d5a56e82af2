"""`fer train` as it is typed, with real runs of the smallest network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode

SMALL = [
    *("--model", "btn-tiny", "--from-scratch", "--device", "cpu", "--quiet"),
    *("--set", "epochs=1", "--set", "batch_size=6", "--set", "sam.rho=0"),
]


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Path:
    """Six images of each class to train on, two each to validate and to test on."""
    return two_classes(train=6, val=2, test=2)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of each call of training, which is interrupted at once."""
    calls: list[dict[str, Any]] = []

    def train(dataset: object, out: Path, **arguments: object) -> None:
        calls.append({"dataset": dataset, "out": out, **arguments})
        raise KeyboardInterrupt

    monkeypatch.setattr("fercli.train.train.train", train)
    return calls


@pytest.mark.slow
def test_train__of_two_seeds_shows_mean_and_deviation_and_resumes(faces: Path, tmp_path: Path, capsys):
    out = tmp_path / "run"
    line = ["train", str(faces), "-o", str(out), *SMALL, "--seeds", "0,3"]
    assert main(line) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "seeds 0, 3: mean ± standard deviation" in shown
    assert shown.count(" ± ") >= 4
    weights = {path: path.read_bytes() for path in out.glob("seed-*/*.safetensors")}
    assert {path.parent.name for path in weights} == {"seed-0", "seed-3"}
    assert main(line) == ExitCode.REFUSED, "there is a run already"
    assert "--resume" in capsys.readouterr().err
    assert main([*line, "--resume", "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert [run["seed"] for run in result["runs"]] == [0, 3]
    assert {path: path.read_bytes() for path in weights} == weights, "what is done is not trained again"


def test_train__lists_its_settings_without_data(capsys):
    assert main(["train", "rafdb", "--list-settings", "--set", "lr=5e-5"]) == ExitCode.DONE
    shown = capsys.readouterr().out.splitlines()
    # the paper's recipe (BTN 4.2), but for what was set
    assert {"preset=btn-base", "recipe=rafdb", "batch_size=64", "sam.rho=0.05", "lr=5e-05"} <= set(shown)
    after = shown[shown.index("sam.rho=0.05") + 1]
    assert "sharpness" in after
    assert "from 0" in after
    assert "[Foret et al. 2021]" in after
    assert main(["train", "--list-settings", "--json"]) == ExitCode.DONE
    listed = {item["name"]: item for item in map(json.loads, capsys.readouterr().out.splitlines())}
    assert listed["loss.vit"] == {
        "name": "loss.vit",
        "range": "from 0",
        "summary": "lambda, the weight of L_VIT",
        "source": "BTN, Eq. 9",
        "value": 2.0,
    }
    assert main(["train", "--list-settings"]) == ExitCode.DONE
    assert {"preset=btn-compact", "recipe=compact"} <= set(capsys.readouterr().out.splitlines())


def test_train__of_rafdb_is_the_papers_model_by_the_papers_recipe(official_tree, calls: list[dict[str, Any]], capsys):
    root = official_tree("rafdb", each=1)
    line = ["train", "rafdb", "--data", str(root), "--from-scratch"]
    assert main(line) == ExitCode.INTERRUPTED
    [call] = calls
    config = call["config"]
    assert (config.model.preset, config.train.recipe, config.dataset) == ("btn-base", "rafdb", "rafdb")
    assert (call["out"], call["options"].resume) == (Path("runs/rafdb-btn-base"), False)
    assert main([*line, "--resume", "--model", "btn-tiny"]) == ExitCode.INTERRUPTED
    assert (calls[1]["config"].model.preset, calls[1]["options"].resume) == ("btn-tiny", True)


@pytest.mark.parametrize(
    ("layout", "name"),
    [("rafdb", "rafdb"), ("rafdb-kaggle", "rafdb"), ("ferplus-folders", "ferplus")],
)
def test_train__of_a_path_is_the_same_run_as_by_name(
    layout: str, name: str, official_tree, calls: list[dict[str, Any]], capsys
):
    root = str(official_tree(layout, each=1))
    assert main(["train", name, "--data", root, "--from-scratch"]) == ExitCode.INTERRUPTED
    assert main(["train", root, "--from-scratch"]) == ExitCode.INTERRUPTED
    by_name, by_path = calls
    assert (by_path["config"].model, by_path["config"].train) == (by_name["config"].model, by_name["config"].train)
    assert by_path["out"] == by_name["out"]
    assert by_path["config"].train.recipe == ("rafdb" if name == "rafdb" else "compact")
    expected = "(the data set is recognised as rafdb)" if name == "rafdb" else f"{name} is not in the paper"
    assert capsys.readouterr().err.count(expected) == 2


def test_train__repeats_a_saved_run(faces: Path, tmp_path: Path, calls: list[dict[str, Any]], capsys):
    (tmp_path / "run.yaml").write_text(
        f"dataset: {faces}\nmodel: {{preset: btn-tiny}}\ntrain: {{lr: 3e-4}}\nchanges: {{images: 6}}\nfingerprint: other\n"
    )
    assert (
        main(["train", "--config", str(tmp_path / "run.yaml"), "--from-scratch", "--set", "epochs=3"])
        == ExitCode.INTERRUPTED
    )
    config = calls[0]["config"]
    assert (config.model.preset, config.train.lr, config.train.epochs) == ("btn-tiny", 3e-4, 3)
    assert (config.changes.images, len(calls[0]["dataset"].split("train"))) == (6, 6)
    assert "the data set differs from that of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], ExitCode.USAGE),
        (["FACES", "--seeds", "1,1", "--from-scratch"], ExitCode.USAGE),
        (["FACES", "--set", "learning=1"], ExitCode.USAGE),
        (["FACES"], ExitCode.WEIGHTS),  # no landmark branch
        (["rafdb", "--data", "nowhere", "--from-scratch"], ExitCode.DATA),
    ],
)
def test_train__mistakes_have_their_codes(words: list[str], code: ExitCode, faces: Path, capsys):
    assert main(["train", *(str(faces) if word == "FACES" else word for word in words)]) == code
    assert "fix:" in capsys.readouterr().err


def test_train__json_is_the_content_of_result_json(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", str(faces), "-o", str(tmp_path / "run"), *SMALL, "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "run" / "result.json").read_text())


def test_train__warns_about_classes_without_training_images(faces: Path, calls: list[dict[str, Any]], capsys):
    for split, count in (("test", 3), ("val", 1)):
        (faces / split / "contempt").mkdir()
        for number in range(count):
            (faces / split / "contempt" / f"{number}.png").write_bytes((faces / split / "happiness/0.png").read_bytes())
    assert main(["train", str(faces), "--from-scratch"]) == ExitCode.INTERRUPTED
    shown = capsys.readouterr().err
    assert "warning: class contempt has no training image, but 1 val image and 3 test images" in shown


def test_train__of_a_folder_with_one_class_is_an_error_of_the_data(tmp_path: Path, faces: Path, capsys):
    (faces / "train/sadness").rename(tmp_path / "elsewhere")
    for other in ("val/sadness", "test/sadness"):
        (faces / other).rename(tmp_path / other.replace("/", "-"))
    assert main(["train", str(faces), "--out", str(tmp_path / "run"), *SMALL]) == ExitCode.DATA
    assert "all training images are of the class happiness" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
