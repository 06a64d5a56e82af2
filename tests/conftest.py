"""Fixtures of all tests: a real face, small data sets, and the reference material beside the repository."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from fercli.data.dataset import Dataset

if "PYTEST_XDIST_WORKER" in os.environ:  # a process per core: one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for test files that import ONNX Runtime themselves


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """Eileen Collins (NASA, public domain): RGB uint8 [512, 512, 3] with one face, around (175, 65) to (275, 200)."""
    from skimage import data

    return np.asarray(data.astronaut())


@functools.cache
def _beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A window of a headless Chromium, see webdriver.py; skips where there is none."""
    with _beside("webdriver").browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _no_users_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test away from the user's own pulled weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "fer-cache"))
    return tmp_path / "fer-cache"


@pytest.fixture
def predict_fakes() -> Any:
    """Fake models and inputs of the command `fer predict`; see `predict_fakes.py`."""
    return _beside("predict_fakes")


@pytest.fixture
def file_server() -> Iterator[Any]:
    """A web server on this machine; see `file_server.py`."""
    with _beside("file_server").running() as server:
        yield server


@pytest.fixture(scope="session")
def foreign() -> ModuleType:
    """Layouts of other projects' checkpoints; see `foreign_layouts.py`."""
    return _beside("foreign_layouts")


@pytest.fixture
def result_folder() -> Callable[..., Path]:
    """Make a folder with a result.json: `result_folder(path, {"test": {"accuracy": 0.9}}, dataset="ferplus")`.

    scores: by split, the fields of its score that differ from those of a toy one; others: the fields of the file.
    """
    from fercli.evaluate.result_file import RESULT_NAME, ModelFacts, ResultFile, write_result
    from fercli.evaluate.scores import score_matrix

    def make(folder: Path, scores: dict[str, dict[str, object]], *, name: str = "toy", **facts: Any) -> Path:
        toy = score_matrix(np.array([[3, 1], [0, 2]]), split="test", labels=("neutral", "contempt"))
        model = ModelFacts(name, "1", "btn-tiny", "torch", "cpu", sha256=facts.pop("sha256", None))
        result = ResultFile(
            command="fer eval 0.2.0", dataset="toy", fingerprint=None, labels=toy.labels, model=model, selection=None,
            selected_by=None, epoch=None, seed=None, test_time_augmentation=None,
            scores=tuple(dataclasses.replace(toy, **{"split": split, **fields}) for split, fields in scores.items()),
            predictions={},
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        write_result(folder / RESULT_NAME, dataclasses.replace(result, **facts))
        return folder

    return make


@pytest.fixture(scope="session")
def fits_schema() -> Callable[[Any], None]:
    """Check a record against the JSON schema of result.json."""
    import json
    from importlib.resources import files

    import jsonschema

    schema = json.loads(files("fercli.evaluate").joinpath("result.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema).validate


@pytest.fixture
def official_tree(tmp_path: Path) -> Callable[..., Path]:
    """Make a small data set in an official layout: `official_tree("rafdb", each=2)` returns its folder.

    Layouts are the keys of TREES in `official_trees.py`; `each` is images per class and split.
    """

    def make(layout: str, **options: object) -> Path:
        root = tmp_path / layout
        root.mkdir()
        return _beside("official_trees").TREES[layout][1](root, **options)

    return make


@pytest.fixture
def two_classes(tmp_path: Path) -> Callable[..., Path]:
    """Make a data set of dark and bright noise: `two_classes(train=6, test=2)` has so many images of each class in each split."""

    def make(**splits: int) -> Path:
        from fercli.media.images import write_image

        draw = np.random.default_rng(0)
        for split, count in splits.items():
            for name, low in (("happiness", 0), ("sadness", 120)):
                for number in range(count):
                    picture = draw.integers(low, low + 120, (48, 48, 3), dtype=np.uint8)
                    write_image(tmp_path / "faces" / split / name / f"{number}.png", picture)
        return tmp_path / "faces"

    return make


@pytest.fixture
def damaged_clip() -> Callable[..., Path]:
    """Write a clip of 40 frames of noise at 10 a second, and overwrite the data of some of them with zeros."""

    def write(path: Path, *, broken: Sequence[int]) -> Path:
        import av

        from fercli.media.video_writer import VideoWriter

        noise = np.random.default_rng(0)
        with VideoWriter(path) as writer:
            for number in range(40):
                writer.write(noise.integers(40, 255, (80, 90, 3), dtype=np.uint8), number / 10)
        with av.open(str(path)) as container:
            packets = {
                round(float(packet.pts * packet.time_base) * 10): packet
                for packet in container.demux(video=0)
                if packet.size
            }
        content = bytearray(path.read_bytes())
        for number in broken:
            place, size = packets[number].pos, packets[number].size
            content[place : place + size] = bytes(size)
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def write_clip() -> Callable[..., Path]:
    """Write a black video of 20 frames a second: write_clip(path, seconds=4.0, sound=True)."""

    def write(path: Path, *, seconds: float, sound: bool) -> Path:
        import av

        with av.open(str(path), "w") as container:
            video = container.add_stream("mpeg4", rate=20)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            tone = container.add_stream("aac", rate=8000) if sound else None
            for _ in range(round(seconds * 20)):
                container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
            container.mux(video.encode(None))
            for begin in range(0, round(seconds * 8000) if tone else 0, 1024):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 8000, begin, Fraction(1, 8000)
                container.mux(tone.encode(frame))
            if tone:
                container.mux(tone.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that FER_SHARED names; skips where it is absent."""
    folder = Path(os.environ.get("FER_SHARED", ""))
    if not (folder / "reference" / "btn-spec.md").is_file():
        pytest.skip("FER_SHARED names no folder with the reference material")
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of the smallest network with random weights: config.json, checkpoint.pt, last.safetensors.

    make(name, *settings of the model, seed=0, batch=True, averaged=False) returns its folder.
    """

    def make(name: str, *settings: str, seed: int = 0, batch: bool = True, averaged: bool = False) -> Path:
        import torch

        from fercli.config.presets import MODELS, RECIPES
        from fercli.config.settings import override
        from fercli.config.templates import template
        from fercli.models.btn import BTN
        from fercli.system.json_file import write_json
        from fercli.weights.card import WeightsCard
        from fercli.weights.checkpoint import save_checkpoint
        from fercli.weights.files import save_weights
        from fercli.weights.run_folder import RunConfig, RunFolder

        torch.manual_seed(seed)
        config = override(MODELS["btn-tiny"], list(settings))
        labels = ("neutral", "happiness", "sadness")
        model = BTN(config, len(labels), training_parts=batch)
        torch.nn.init.normal_(model.vit.head.weight)  # answers that differ
        folder = RunFolder(tmp_path / name)
        told = RunConfig(dataset="toy", data=None, model=config, train=RECIPES["compact"], init=())
        write_json(folder.config, dataclasses.asdict(told), default=str)
        state = {key: value.clone() for key, value in model.state_dict().items()}
        averages = {f"module.{key}": value + 1 for key, value in state.items()}  # as torch's AveragedModel names them
        ema = {"n_averaged": torch.tensor(1), **averages} if averaged else None
        save_checkpoint(folder.checkpoint, {"model": state, "ema": ema, "state": {"epoch": 3}})
        card = WeightsCard(name, "1", labels, "toy", template("arcface"), config)
        save_weights(folder.path / "last.safetensors", model.inference_state(), card)
        return folder.path

    return make


@pytest.fixture
def three_classes(tmp_path: Path) -> Dataset:
    """Noise in the classes neutral, happiness and sadness: eight test images each."""
    from fercli.data.open import open_dataset
    from fercli.media.images import write_image

    draw = np.random.default_rng(0)
    for name in ("neutral", "happiness", "sadness"):
        for number in range(8):
            picture = draw.integers(0, 255, (48, 48, 3), dtype=np.uint8)
            write_image(tmp_path / "faces" / "test" / name / f"{name}{number}.png", picture)
    return open_dataset(str(tmp_path / "faces"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip `gpu` tests where no CUDA device is."""
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
