"""Networks in one's own code, and packages that add a backbone, a loss or a data set, as docs/extend.md shows."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import fercli
from fercli.cli.main import main
from fercli.config.presets import MODELS
from fercli.config.settings import override
from fercli.errors import ExitCode, RefusedError, UsageError
from fercli.models.btn import BTN
from fercli.train.losses import other_loss
from fercli.weights.classifier import open_torch
from fercli.weights.files import read_card
from fercli.weights.find import find_weights

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def block(language: str, having: str) -> str:
    return next(text for kind, text in BLOCKS if kind == language and having in text)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package of the page as pip would install it: its module and its metadata with the entry points."""
    site = tmp_path / "site-packages"
    info = site / "my_fer-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "my_fer.py").write_text(block("python", "class MyNet"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-fer\nVersion: 1.0\n")
    toml = block("toml", "entry-points")
    points = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", toml[toml.index("[project.entry") :]).replace(
        '"', ""
    )
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(site))
    other_loss.cache_clear()
    yield site
    other_loss.cache_clear()
    sys.modules.pop("my_fer", None)


def test_load_model__gives_the_predictions_of_the_classifier():
    network, card, preprocess = fercli.load_model("fer-compact", device="cpu")
    size = card.model.input.size
    crops = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    classifier = open_torch(find_weights("fer-compact", (".safetensors",)), device="cpu")
    with torch.no_grad():
        probabilities = (network(preprocess(crops)) / card.temperature).softmax(dim=1).numpy()
        one = network(preprocess(crops[0])).numpy()
    np.testing.assert_allclose(probabilities, classifier.classify(crops), atol=1e-5)
    assert one.shape == (1, len(card.labels))
    assert preprocess(np.zeros((30, 50, 3), np.uint8)).shape == (1, 3, size, size)
    assert not network.training


def test_load_model__without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    # the light installation raised ModuleNotFoundError
    monkeypatch.setattr("fercli.system.packages.is_installed", lambda _: False)
    with pytest.raises(RefusedError, match=r"fercli\.load_model needs torch and torchvision, which are not installed"):
        _ = fercli.load_model


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), torch.zeros(3, 4, 4), "photo.jpg"])
def test_load_model__refuses_what_is_no_crop(bad):
    with pytest.raises(UsageError, match="crops must be uint8"):
        fercli.load_model("fer-compact", device="cpu").preprocess(bad)


def test_package__adds_a_backbone(package: Path):
    config = override(MODELS["btn-tiny"], ["image.kind=my_net", "image.tap_convs=false"])
    network = BTN(config, 2).eval()
    assert type(network.image_backbone).__name__ == "MyNet"
    assert network(torch.zeros(2, 3, 48, 48)).shape == (2, 2)
    with pytest.raises(UsageError, match="unknown image backbone") as caught:
        BTN(override(config, ["image.kind=mynet"]), 2)
    assert "my_net" in caught.value.fix


def test_package__adds_a_data_set_and_a_loss_that_train(
    package: Path, tmp_path: Path, two_classes, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    faces = tmp_path / "my_faces"
    for split, count in (("train", 6), ("test", 2)):
        source = two_classes(**{split: count})
        (faces / split).mkdir(parents=True)
        for folder, name in (("happiness", "happiness"), ("sadness", "neutral")):
            for number in range(count):
                picture = source / split / folder / f"{number}.png"
                (faces / split / f"{name}_{number}.png").write_bytes(picture.read_bytes())
    line = [
        *(
            "train",
            "my_faces",
            "--data",
            str(faces),
            "--from-scratch",
            "--out",
            str(tmp_path / "run"),
            "--device",
            "cpu",
        ),
        *("--model", "btn-tiny", "--set", "image.kind=my_net", "--set", "image.tap_convs=false", "--quiet"),
        *("--set", "loss.other=focal", "--set", "loss.other_weight=0.5", "--set", "epochs=1", "--set", "batch_size=6"),
    ]
    assert main(line) == ExitCode.DONE, capsys.readouterr().err
    card = read_card(tmp_path / "run" / "last.safetensors")
    assert (card.schema, card.labels) == ("my_faces", ("neutral", "happiness"))
    assert card.model.image.kind == "my_net"
    assert card.provenance["recipe"]["loss"]["other"] == "focal"
    assert main(["eval", str(tmp_path / "run"), "my_faces", "--data", str(faces), "--json", "--quiet"]) == ExitCode.DONE
    assert '"my_faces"' in capsys.readouterr().out
    assert main(["data", "check", "my_faces", str(faces), "--json"]) == ExitCode.DONE
    capsys.readouterr()
    line[line.index("loss.other=focal")] = "loss.other=focall"
    assert main([*line, "--overwrite"]) == ExitCode.USAGE
    assert "focal" in capsys.readouterr().err


def test_package__loss_is_added_to_the_others(package: Path):
    # two images of two classes at even odds: -(1 - 1/2)^2 log(1/2) = 0.1733 each
    from fercli.config.training import LossConfig
    from fercli.models.btn import BatchOutput
    from fercli.train.losses import btn_loss

    output = BatchOutput(torch.zeros(2, 2), None, None, None)
    loss, terms = btn_loss(output, torch.tensor([0, 1]), LossConfig(vit=0, bt=0, cba=0, other="focal", other_weight=2))
    assert terms["focal"].item() == pytest.approx(0.25 * np.log(2), abs=1e-6)
    assert loss.item() == pytest.approx(0.5 * np.log(2), abs=1e-6)


def test_package__that_cannot_be_imported_is_named(package: Path):
    (package / "my_fer.py").write_text("import no_such_module\n")
    with pytest.raises(UsageError, match=r"my_net of fercli\.image_backbones .* could not be imported"):
        BTN(override(MODELS["btn-tiny"], ["image.kind=my_net"]), 2)


def test_page__trains_a_network_in_30_lines(two_classes: Callable[..., Path], tmp_path: Path, monkeypatch, capsys):
    script = block("python", "save_weights")
    assert len([line for line in script.splitlines() if line.strip()]) <= 32
    two_classes(train=8, test=4)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "extend.md", "exec"), {})
    capsys.readouterr()
    assert main(["eval", "mine.safetensors", "faces", "--json", "--quiet"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert sum(score["images"] for score in result["scores"]) == 8


def test_api_reference__has_every_public_name_with_its_docstring():
    spec = importlib.util.spec_from_file_location("generate_api", ROOT / "docs" / "generate_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    names = [name.partition(":")[2] for listed in module.SECTIONS.values() for name in listed]
    for name in {*names, *fercli.__all__} - {"__version__"}:
        heading = page.index(f"### {name}\n")
        after = page[heading : page.find("### ", heading + 4)]
        assert "```python" in after
        assert " at 0x" not in after
        assert len(after.splitlines()) > 6, name
