"""The extensions of docs/architecture.md, each as a toy: one declaration and one entry of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from fercli.config.detect import DetectConfig
from fercli.config.labels import LabelSchema
from fercli.config.model import ImageBackboneConfig
from fercli.config.presets import MODELS
from fercli.data.dataset import Dataset, Sample
from fercli.data.open import open_dataset
from fercli.data.reader import Published, Reader
from fercli.data.readers import READERS
from fercli.errors import UsageError
from fercli.faces.detector import DETECTORS, DetectorEntry, detector_version, open_detector
from fercli.models.backbones import IMAGE_BACKBONES
from fercli.models.btn import BTN
from fercli.results import Face, Prediction
from fercli.rows.formats import TABLE_FORMATS, open_table
from fercli.rows.table import TableFormat
from fercli.weights.foreign.conversion import Conversion, rename
from fercli.weights.foreign.convert import convert
from fercli.weights.foreign.format import ForeignFormat
from fercli.weights.foreign.formats import FORMATS as FOREIGN_FORMATS

TINY = MODELS["btn-tiny"]


def test_data_set__is_a_reader_and_an_entry(tmp_path: Path):
    def read_toy(folder: Path, labels: LabelSchema) -> Dataset:
        lines = [line.split() for line in (folder / "toy.txt").read_text(encoding="utf-8").splitlines()]
        samples = tuple(Sample(folder / name, "test", labels.index(label)) for name, label in lines)
        return Dataset("toy", labels.name, labels.names, samples, folder)

    toy = Reader(
        labels=LabelSchema("toy", ("neutral", "happiness"), ("0", "1")),
        read=read_toy,
        layout="toy.txt with lines `file label`",
        published=Published(access="ask the authors"),
        matches=lambda folder: (folder / "toy.txt").is_file(),
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "toy.txt").write_text("a.png happiness\n", encoding="utf-8")
    readers = {**READERS, "toy": toy}

    by_path = open_dataset(str(tmp_path), readers=readers)
    by_name = open_dataset("toy", tmp_path, readers=readers)
    assert [(sample.path.name, sample.label) for sample in by_path.split("test")] == [("a.png", 1)]
    assert by_name.samples == by_path.samples


def test_detector__is_a_class_and_an_entry(monkeypatch: pytest.MonkeyPatch):
    class WholePicture:
        device = "cpu"

        def __init__(self, config: DetectConfig, device: str) -> None:
            self.config = config

        def detect(self, frames: Sequence[np.ndarray], *, min_face_px: int | None = None) -> list[list[Face]]:
            sizes = [frame.shape[:2] for frame in frames]
            return [[Face((0.0, 0.0, float(w), float(h)), 1.0, ((1.0, 1.0),) * 5)] for h, w in sizes]

    monkeypatch.setitem(DETECTORS, "toy", DetectorEntry("toy 1", WholePicture))
    detector = open_detector(DetectConfig(detector="toy"), "cpu")
    faces = detector.detect([np.zeros((4, 6, 3), np.uint8)])
    assert faces[0][0].box_xyxy == (0, 0, 6, 4)
    assert detector_version("toy") == "toy 1"


def test_detector__that_nobody_registered_is_refused():
    with pytest.raises(UsageError, match="toy"):
        open_detector(DetectConfig(detector="toy"), "cpu")


def test_image_backbone__is_a_module_and_an_entry(monkeypatch: pytest.MonkeyPatch):
    class Strided(nn.Module):
        tap_stride = 2

        def __init__(self, config: ImageBackboneConfig) -> None:
            super().__init__()
            channels = (3, *config.widths)
            self.stages = nn.ModuleList(nn.Conv2d(channels[i], channels[i + 1], 3, 2, 1) for i in range(3))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            low = self.stages[0](x)
            middle = self.stages[1](low)
            return low, middle, self.stages[2](middle)

    monkeypatch.setitem(IMAGE_BACKBONES, "toy", Strided)
    model = BTN(replace(TINY, image=replace(TINY.image, kind="toy")), 7, training_parts=False).eval()
    size = TINY.input.size
    assert isinstance(model.image_backbone, Strided)
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 7)


def test_foreign_format__is_a_declaration_and_an_entry(tmp_path: Path):
    def convert_toy(source: Mapping[str, Tensor]) -> Conversion:
        return rename(source, renames=[(r"marks\.(.+)", r"landmark_backbone.\1")], drops=[(r"head\..+", "not used")])

    toy = ForeignFormat(
        name="toy",
        title="a toy",
        origin="made by hand",
        part="landmark_backbone",
        config=lambda: TINY,
        convert=convert_toy,
        signature_keys=("head.toy",),
    )
    own = BTN(TINY, 7).landmark_backbone.state_dict()
    torch.save(
        {**{f"marks.{name}": tensor for name, tensor in own.items()}, "head.toy": torch.zeros(1)}, tmp_path / "t.pth"
    )

    report = convert(tmp_path / "t.pth", tmp_path / "t.safetensors", formats={**FOREIGN_FORMATS, "toy": toy})
    assert (tmp_path / "t.safetensors").is_file()
    assert len(report.renamed) == len(own)
    assert report.dropped == {"head.toy": "not used"}


def test_table_format__is_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Lines:
        def __init__(self) -> None:
            self.labels: list[str | None] = []

        def add(self, predictions: Sequence[Prediction]) -> None:
            self.labels += [prediction.label for prediction in predictions]

    @contextmanager
    def open_lines(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[Lines]:
        lines = Lines()
        yield lines
        path.write_text(json.dumps(lines.labels), encoding="utf-8")

    monkeypatch.setitem(TABLE_FORMATS, ".toy", TableFormat(open_lines))
    with open_table(tmp_path / "rows.toy", ["neutral"]) as table:
        table.add([Prediction("a.jpg", "no_face")])
    assert (tmp_path / "rows.toy").read_text(encoding="utf-8") == "[null]"
