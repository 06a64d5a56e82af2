"""YuNet's network: decoding by hand and against OpenCV, the published graph, and the shapes it runs on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fercli.errors import DeviceError
from fercli.faces import yunet_network
from fercli.faces.boxes import suppress
from fercli.faces.yunet_network import YuNetNetwork, decode
from fercli.system.shipped import detector_file

# 64 x 96 px: maps of 8 x 12, 4 x 6 and 2 x 3 cells
CELLS = 8 * 12 + 4 * 6 + 2 * 3


class RecordingSession:
    """Returns no detections and records the shapes of its inputs."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, outputs: Sequence[str] | None, inputs: dict[str, Any]) -> list[Any]:
        (images,) = inputs.values()
        self.shapes.append(images.shape)
        batch, _, height, width = images.shape
        cells = sum((height // stride) * (width // stride) for stride in (8, 16, 32))
        return [np.zeros((batch, cells), np.float32), np.zeros((batch, 14, cells), np.float32)]


def test_decode__places_box_and_landmarks_by_cell_and_stride():
    scores, regression = np.zeros(CELLS, np.float32), np.zeros((14, CELLS), np.float32)
    cell = 8 * 12 + 2 * 6 + 3  # third row, fourth column of the map with stride 16
    scores[cell] = 0.8
    regression[:4, cell] = 0.5, 0.25, np.log(2), np.log(3)
    regression[4:6, cell] = -1, 1
    found = decode(scores, regression, 64, 96, 0.5)
    # centre ((3 + 0.5) * 16, (2 + 0.25) * 16), size (2, 3) * 16; the first landmark is at ((3 - 1) * 16, (2 + 1) * 16)
    np.testing.assert_allclose(found.boxes, [[56 - 16, 36 - 24, 56 + 16, 36 + 24]], rtol=1e-5)
    np.testing.assert_allclose(found.landmarks[0, :2], [[32, 48], [48, 32]])
    assert found.scores.tolist() == pytest.approx([0.8])


def test_decode__without_a_score_above_the_minimum_is_empty():
    found = decode(np.full(CELLS, 0.4, np.float32), np.zeros((14, CELLS), np.float32), 64, 96, 0.5)
    assert (found.boxes.shape, found.scores.shape, found.landmarks.shape) == ((0, 4), (0,), (0, 5, 2))


@pytest.mark.parametrize(("canvases", "batch"), [(1, 1), (2, 4), (4, 4), (5, 16), (16, 16)])
def test_detect__pads_batches_to_fixed_sizes_on_a_gpu(canvases: int, batch: int):
    session = RecordingSession()
    network = YuNetNetwork("cuda:0", session=session)
    with ThreadPoolExecutor(2) as pool:
        results = network.detect([np.zeros((64, 96, 3), np.uint8)] * canvases, 0.5, executor=pool)
    assert len(results) == canvases
    assert session.shapes == [(batch, 3, 64, 96)]


def test_network__a_gpu_that_fails_is_refused_by_name_and_skipped_by_auto(monkeypatch: pytest.MonkeyPatch):
    class FailingGpu:
        def run(self, outputs: object, inputs: object) -> None:
            raise RuntimeError("no kernel image is available")

    def open_session(path: Path, device: str, *, threads: int) -> tuple[Any, str]:
        return (FailingGpu(), "cuda:0") if device != "cpu" else (RecordingSession(), "cpu")

    monkeypatch.setattr(yunet_network, "open_session", open_session)
    with pytest.raises(DeviceError, match=r"cuda:0 .* fails at the first picture \(no kernel image"):
        YuNetNetwork("cuda:0")
    assert YuNetNetwork("auto").device == "cpu"


@pytest.mark.shared
def test_detect__equals_opencv_on_the_published_network(shared: Path, astronaut: np.ndarray):
    published = shared / "weights" / "yunet_n_dynamic.onnx"
    if not hasattr(cv2, "FaceDetectorYN"):
        pytest.skip("this build of OpenCV has no FaceDetectorYN")
    both = np.ascontiguousarray(np.concatenate([astronaut[:320, :320], astronaut[60:380, 120:440]], axis=1))
    detector = cv2.FaceDetectorYN.create(str(published), "", (640, 320), 0.6, 0.3, 5000)
    _, rows = detector.detect(np.ascontiguousarray(both[..., ::-1]))
    found = YuNetNetwork("cpu").detect([both], 0.6)[0]
    found = found.select(suppress(found.boxes, found.scores, 0.3))
    assert len(rows) == len(found.boxes) == 2
    rows = rows[np.argsort(-rows[:, -1])]
    np.testing.assert_allclose(found.boxes[:, :2], rows[:, :2], atol=0.05)
    np.testing.assert_allclose(found.boxes[:, 2:] - found.boxes[:, :2], rows[:, 2:4], atol=0.05)
    np.testing.assert_allclose(found.landmarks.reshape(-1, 10), rows[:, 4:14], atol=0.05)
    np.testing.assert_allclose(found.scores, rows[:, -1], atol=1e-3)


@pytest.mark.shared
def test_network__equals_the_published_graph(shared: Path, astronaut: np.ndarray):
    import onnxruntime

    sessions = [
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (shared / "weights" / "yunet_n_dynamic.onnx", detector_file("yunet.onnx"))
    ]
    pictures = np.stack([astronaut[:256, :320], astronaut[40:296, 130:450]])
    rgb = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    names = [output.name for output in sessions[0].get_outputs()]
    maps = dict(zip(names, sessions[0].run(None, {"input": rgb[:, ::-1]}), strict=True))
    scores, regression = sessions[1].run(None, {"images": rgb})
    products = [maps[f"cls_{stride}"] * maps[f"obj_{stride}"] for stride in (8, 16, 32)]
    expected = [np.concatenate([maps[f"bbox_{s}"], maps[f"kps_{s}"]], axis=2) for s in (8, 16, 32)]
    np.testing.assert_allclose(scores**2, np.concatenate(products, axis=1)[..., 0], atol=1e-5)
    np.testing.assert_allclose(regression.transpose(0, 2, 1), np.concatenate(expected, axis=1), atol=1e-4)
