"""The cascade through ONNX Runtime, against facenet-pytorch's own through torch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fercli.errors import DeviceError
from fercli.faces import mtcnn_cascade
from fercli.faces.boxes import Detections
from fercli.faces.mtcnn_cascade import MtcnnCascade, open_networks
from fercli.media.images import list_images, read_rgb


@pytest.fixture(scope="module")
def ours() -> MtcnnCascade:
    return MtcnnCascade("cpu")


@functools.cache
def _their_networks() -> list[Any]:
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    return [net().eval() for net in (PNet, RNet, ONet)]


def theirs(frames: np.ndarray, min_face: float, thresholds=(0.6, 0.7, 0.7)) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes [K, 5] with scores, and points [K, 5, 2], of every frame of [B, H, W, 3]."""
    import torch
    from facenet_pytorch.models.utils.detect_face import detect_face

    with torch.inference_mode():
        boxes, points = detect_face(frames, min_face, *_their_networks(), thresholds, 0.709, "cpu")
    of_frames = zip(boxes, points, strict=True)
    return [(np.asarray(b, float).reshape(-1, 5), np.asarray(p, float).reshape(-1, 5, 2)) for b, p in of_frames]


def same(found: Detections, expected: tuple[np.ndarray, np.ndarray]) -> None:
    boxes, points = expected
    assert len(found.boxes) == len(boxes)
    order, expected_order = np.argsort(found.boxes[:, 0]), np.argsort(boxes[:, 0])
    np.testing.assert_allclose(found.boxes[order], boxes[expected_order, :4], atol=0.05)
    np.testing.assert_allclose(found.scores[order], boxes[expected_order, 4], atol=1e-4)
    np.testing.assert_allclose(found.landmarks[order], points[expected_order], atol=0.05)


@pytest.mark.parametrize("min_face", [20, 37.5, 150])
def test_detect__equals_facenet_pytorch(ours: MtcnnCascade, astronaut: np.ndarray, min_face: float):
    same(ours.detect([astronaut], min_face)[0], theirs(astronaut[None], min_face)[0])


def test_detect__equals_facenet_pytorch_for_a_batch_of_frames(ours: MtcnnCascade, astronaut: np.ndarray):
    frames = np.stack([astronaut, np.zeros_like(astronaut), np.ascontiguousarray(astronaut[:, ::-1])])
    found = ours.detect(list(frames), 40)
    assert [len(of_frame.boxes) for of_frame in found] == [1, 0, 1]
    for of_frame, expected in zip(found, theirs(frames, 40), strict=True):
        same(of_frame, expected)


@pytest.mark.parametrize("size", [(171, 333), (338, 171), (200, 201)])
def test_detect__equals_facenet_pytorch_at_odd_sizes(ours: MtcnnCascade, astronaut: np.ndarray, size: tuple[int, int]):
    small = cv2.resize(astronaut, size, interpolation=cv2.INTER_AREA)
    same(ours.detect([small], 20)[0], theirs(small[None], 20)[0])


def test_detect__takes_other_thresholds_like_facenet_pytorch(astronaut: np.ndarray):
    loose = (0.3, 0.2, 0.1)
    found = MtcnnCascade("cpu", loose).detect([astronaut], 60)[0]
    same(found, theirs(astronaut[None], 60, loose)[0])
    assert len(found.boxes) > 1


def test_detect__is_the_same_in_one_pass_and_distributed_over_threads(ours: MtcnnCascade, astronaut: np.ndarray):
    whole = MtcnnCascade("cpu", together=True)  # as on CUDA: all frames and every level at once
    for one, other in zip(whole.detect([astronaut] * 2, 30), ours.detect([astronaut] * 2, 30), strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)


@pytest.mark.slow
@pytest.mark.shared
def test_detect__equals_facenet_pytorch_on_real_photos(ours: MtcnnCascade, shared: Path):
    pictures = [read_rgb(path) for path in list_images(shared / "data" / "photos")]
    faces = 0
    for rgb in pictures:
        found = ours.detect([rgb], 20)[0]
        same(found, theirs(rgb[None], 20)[0])
        faces += len(found.boxes)
    assert faces > len(pictures)


class FailingGpu:
    """A session whose GPU is there and cannot compute."""

    def run(self, outputs, feeds):
        raise RuntimeError("no kernel image is available for execution on the device\nin a file of the runtime")


def test_open_networks__a_gpu_that_fails_at_the_first_picture_is_refused_by_name_and_skipped_by_auto(monkeypatch):
    def open_session(path, device, *, threads):
        return (FailingGpu(), "cuda:0") if device != "cpu" else (path.stem, "cpu")

    monkeypatch.setattr(mtcnn_cascade, "open_session", open_session)
    with pytest.raises(DeviceError, match=r"device cuda:0 .* fails at the first picture \(no kernel image[^\n]*\)"):
        open_networks("cuda:0")
    assert open_networks("auto") == (["pnet", "rnet", "onet"], "cpu")


def test_open_networks__uses_one_device_if_auto_gets_the_gpu_for_some_of_them_only(monkeypatch):
    def open_session(path, device, *, threads):
        return (path.stem, "cuda:0" if device == "auto" and path.stem == "pnet" else "cpu")

    monkeypatch.setattr(mtcnn_cascade, "open_session", open_session)
    assert open_networks("auto") == (["pnet", "rnet", "onet"], "cpu")


@pytest.mark.gpu
def test_detect__is_the_same_on_cuda(ours: MtcnnCascade, astronaut: np.ndarray):
    on_gpu = MtcnnCascade("cuda")
    assert on_gpu.device == "cuda:0"
    [found], [expected] = on_gpu.detect([astronaut], 20), ours.detect([astronaut], 20)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.5)
