"""Mutated pictures, clips, cards and models through the commands: documented exit codes, no traceback, good files kept.

FER_MUTATIONS=1 runs the numbers of docs/security.md: 400 pictures, 100 clips, 300 cards and models. Default: a tenth.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from fercli.cli.main import main
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.media.video_writer import VideoWriter
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.files import save_weights

pytestmark = pytest.mark.slow

SCALE = float(os.environ.get("FER_MUTATIONS", "0.1"))
PICTURES, CLIPS, MODELS_COUNT = (round(SCALE * count) for count in (400, 100, 300))
DOCUMENTED = {0, 1, 3, 4}  # not 2, which would mean that a command was not run at all
CARD = WeightsCard(
    name="test", version="1", labels=("neutral", "happiness", "anger"), schema="three",
    crop=template("arcface"), model=MODELS["btn-tiny"],
)  # fmt: skip


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    """A copy with bits flipped, bytes overwritten, a piece cut out, doubled or moved, or the end missing."""
    data = bytearray(content)
    start = int(draw.integers(0, len(data)) if draw.random() < 0.5 else draw.integers(0, min(400, len(data))))
    size = int(draw.integers(1, 64))
    kind = int(draw.integers(0, 7))
    if kind == 0:
        for place in draw.integers(0, len(data), 1 + int(draw.integers(0, 8))):
            data[place] ^= 1 << int(draw.integers(0, 8))
    elif kind == 1:
        data[start : start + size] = draw.bytes(len(data[start : start + size]))
    elif kind == 2:
        data[start : start + size] = b"\xff" * len(data[start : start + size])
    elif kind == 3:
        del data[start : start + size]
    elif kind == 4:
        data[start:start] = data[start : start + size]
    elif kind == 5:
        data[start : start + size] = bytes(len(data[start : start + size]))
    else:
        del data[start:]
    return bytes(data)


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Run a command in this process: an unexpected exception fails the test."""
    code = main(arguments)
    printed = capsys.readouterr()
    assert code in DOCUMENTED, (arguments, code)
    assert "Traceback" not in printed.err + printed.out
    if code:
        assert "error: " in printed.err, arguments
    return code


def record(*facts: object) -> None:
    """Append counts to the file that FER_MUTATIONS_LOG names."""
    if "FER_MUTATIONS_LOG" in os.environ:
        with Path(os.environ["FER_MUTATIONS_LOG"]).open("a") as file:
            file.write(" ".join(map(str, facts)) + "\n")


def rows(path: Path, names: set[str]) -> list[list[str]]:
    with path.open(newline="") as file:
        return [row for row in csv.reader(file) if Path(row[0]).name in names]


@pytest.fixture
def pictures(tmp_path: Path, astronaut: np.ndarray) -> tuple[Path, set[str]]:
    """A folder with mutated pictures, and the names of the good ones among them."""
    folder, draw = tmp_path / "pictures", np.random.default_rng(1)
    folder.mkdir()
    face = Image.fromarray(astronaut[20:260, 120:330])
    originals = []
    for suffix in ("jpg", "png", "webp", "gif", "tif", "bmp", "ppm", "avif"):
        path = tmp_path / f"original.{suffix}"
        face.save(path)
        originals.append((suffix, path.read_bytes()))
    for number in range(PICTURES):
        suffix, content = originals[number % len(originals)]
        (folder / f"{number:03}.{suffix}").write_bytes(mutated(content, draw))
    for name in ("a-good.png", "z-good.png"):
        face.save(folder / name)
    return folder, {"a-good.png", "z-good.png"}


def test_mutated_pictures__leave_the_good_ones_as_they_are(
    pictures: tuple[Path, set[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, good = pictures
    codes = Counter()
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in good:
        shutil.copy(folder / name, alone)
    assert run(["predict", str(alone), "--save", str(tmp_path / "alone.csv"), "-q"], capsys) == 0
    codes["predict", run(["predict", str(folder), "--save", str(tmp_path / "all.csv"), "-q"], capsys)] += 1
    expected = [row[1:] for row in rows(tmp_path / "alone.csv", good)]
    assert [row[1:] for row in rows(tmp_path / "all.csv", good)] == expected
    assert len(expected) == 2
    assert codes.keys() <= {("predict", 0), ("predict", 3)}
    run(["predict", str(folder), "--save", str(tmp_path / "again.csv"), "-q"], capsys)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()
    codes["align", run(["align", str(folder), str(tmp_path / "aligned"), "-q"], capsys)] += 1
    made = {path.name for path in (tmp_path / "aligned").rglob("*.png")}
    assert {name.split(".")[0] for name in good} <= {name.split(".")[0].removesuffix("-0") for name in made}
    data = tmp_path / "data" / "test"
    for number, path in enumerate(sorted(folder.iterdir())):
        target = data / ("happiness" if number % 2 else "neutral")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    codes["eval", run(["eval", "fer-compact", str(tmp_path / "data"), "-q"], capsys)] += 1
    record("pictures", PICTURES, dict(codes))


def test_mutated_clips__leave_the_good_ones_as_they_are(
    astronaut: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, draw = tmp_path / "clips", np.random.default_rng(2)
    folder.mkdir()
    frames = [astronaut[20 + n : 212 + n, 130 : 130 + 192] for n in range(8)]
    originals = []
    for suffix in ("mp4", "mkv", "mov"):
        path = tmp_path / f"original.{suffix}"
        with VideoWriter(tmp_path / "original.mp4") as writer:
            for number, frame in enumerate(frames):
                writer.write(np.ascontiguousarray(frame), number / 8)
        if suffix != "mp4":
            _remux(tmp_path / "original.mp4", path)
        originals.append((suffix, path.read_bytes()))
    for number in range(CLIPS):
        suffix, content = originals[number % len(originals)]
        (folder / f"{number:03}.{suffix}").write_bytes(mutated(content, draw))
    shutil.copy(tmp_path / "original.mp4", folder / "z-good.mp4")
    code = run(["predict", str(folder), "--save", str(tmp_path / "all.csv"), "-q"], capsys)
    assert code in {0, 3}
    run(["predict", str(folder / "z-good.mp4"), "--save", str(tmp_path / "alone.csv"), "-q"], capsys)
    good = [row[1:] for row in rows(tmp_path / "all.csv", {"z-good.mp4"})]
    assert good == [row[1:] for row in rows(tmp_path / "alone.csv", {"z-good.mp4"})]
    assert len(good) == 8
    record("clips", CLIPS, code)


def _remux(source: Path, target: Path) -> None:
    import av

    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def _toy_onnx(path: Path, card: str) -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["logits"]),
        ],
        "test",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
            helper.make_tensor("weights", TensorProto.FLOAT, [3, 3], np.eye(3).ravel()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": card})
    onnx.save(model, path)
    return path.read_bytes()


def _mutated_card(draw: np.random.Generator) -> str:
    """A card with one value replaced, removed or added, or a mutated text."""
    values = json.loads(CARD.to_json())
    if draw.random() < 0.2:
        return mutated(json.dumps(values).encode(), draw).decode("utf-8", "replace")
    place = values
    while True:
        name = str(draw.choice(sorted(place)))
        if not isinstance(place[name], dict) or not place[name] or draw.random() < 0.3:
            break
        place = place[name]
    strange = [
        None,
        -1,
        0,
        2**31,
        10**400,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "\x1b[2J",
        [],
        {},
        [[[]]],
        True,
        "nan",
    ]
    choice = int(draw.integers(0, len(strange) + 2))
    if choice == len(strange):
        del place[name]
    elif choice == len(strange) + 1:
        place[f"{name}x"] = 1
    else:
        place[name] = strange[choice]
    return json.dumps(values)


def test_mutated_cards_and_models__end_with_a_documented_exit_code(
    astronaut: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    draw, codes = np.random.default_rng(3), Counter()
    Image.fromarray(astronaut[20:260, 120:330]).save(tmp_path / "a.png")
    (tmp_path / "data/test/happiness").mkdir(parents=True)
    (tmp_path / "data/test/neutral").mkdir()
    for name in ("happiness", "neutral"):
        shutil.copy(tmp_path / "a.png", tmp_path / "data/test" / name)
    torch.manual_seed(0)
    network = BTN(CARD.model, 3, training_parts=False)
    save_weights(tmp_path / "w.safetensors", network.inference_state(), CARD)
    whole = _toy_onnx(tmp_path / "w.onnx", CARD.to_json())
    tensors = (tmp_path / "w.safetensors").read_bytes()
    assert run(["predict", str(tmp_path / "a.png"), "-w", str(tmp_path / "w.onnx"), "-q"], capsys) == 0
    model = tmp_path / "m.onnx"
    checkpoint = tmp_path / "c.pt"
    torch.save({"state_dict": dict(list(network.state_dict().items())[:20])}, checkpoint)
    pickled = checkpoint.read_bytes()
    for number in range(MODELS_COUNT):
        kind = number % 5
        if kind in (0, 1):
            _toy_onnx(model, _mutated_card(draw))
            arguments = ["predict", str(tmp_path / "a.png"), "-w", str(model), "-q"]
        elif kind == 2:
            model.write_bytes(mutated(whole, draw))
            arguments = ["predict", str(tmp_path / "a.png"), "-w", str(model), "-q"]
        elif kind == 3:
            (tmp_path / "m.safetensors").write_bytes(mutated(tensors, draw))
            arguments = ["eval", str(tmp_path / "m.safetensors"), str(tmp_path / "data"), "-q"]
        else:
            (tmp_path / "m.pt").write_bytes(mutated(pickled, draw))
            arguments = ["convert", str(tmp_path / "m.pt"), str(tmp_path / f"out{number}.safetensors")]
        codes[arguments[0], run(arguments, capsys)] += 1
    record("cards and models", MODELS_COUNT, dict(codes))
