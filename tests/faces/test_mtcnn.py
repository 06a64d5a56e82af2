"""The cascade through ONNX Runtime, against facenet-pytorch's own through torch."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fercli.errors import DeviceError, WeightsError
from fercli.faces import mtcnn
from fercli.faces.mtcnn import Mtcnn
from fercli.media.images import list_images, read_rgb
from fercli.system.devices import CUDA_PROVIDER


@pytest.fixture(scope="module")
def ours() -> Mtcnn:
    return Mtcnn("cpu")


def theirs(frames: np.ndarray, min_face: float, thresholds=(0.6, 0.7, 0.7)) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes [K, 5] with scores, and points [K, 5, 2], of every frame of [B, H, W, 3]."""
    import torch
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
    from facenet_pytorch.models.utils.detect_face import detect_face

    nets = [net().eval() for net in (PNet, RNet, ONet)]
    with torch.inference_mode():
        boxes, points = detect_face(frames, min_face, *nets, thresholds, 0.709, "cpu")
    of_frames = zip(boxes, points, strict=True)
    return [(np.asarray(b, float).reshape(-1, 5), np.asarray(p, float).reshape(-1, 5, 2)) for b, p in of_frames]


def same(found: mtcnn.Found, expected: tuple[np.ndarray, np.ndarray]) -> None:
    boxes, points = expected
    assert len(found.boxes) == len(boxes)
    order, expected_order = np.argsort(found.boxes[:, 0]), np.argsort(boxes[:, 0])
    np.testing.assert_allclose(found.boxes[order], boxes[expected_order, :4], atol=0.05)
    np.testing.assert_allclose(found.scores[order], boxes[expected_order, 4], atol=1e-4)
    np.testing.assert_allclose(found.points[order], points[expected_order], atol=0.05)


@pytest.mark.parametrize("min_face", [20, 37.5, 150])
def test_detect__answers_as_facenet_pytorch(ours: Mtcnn, astronaut: np.ndarray, min_face: float):
    same(ours.detect([astronaut], min_face)[0], theirs(astronaut[None], min_face)[0])


def test_detect__answers_as_facenet_pytorch_for_a_batch_of_frames(ours: Mtcnn, astronaut: np.ndarray):
    frames = np.stack([astronaut, np.zeros_like(astronaut), np.ascontiguousarray(astronaut[:, ::-1])])
    found = ours.detect(list(frames), 40)
    assert [len(of_frame.boxes) for of_frame in found] == [1, 0, 1]
    for of_frame, expected in zip(found, theirs(frames, 40), strict=True):
        same(of_frame, expected)


@pytest.mark.parametrize("size", [(171, 333), (338, 171), (200, 201)])
def test_detect__answers_as_facenet_pytorch_at_odd_sizes(ours: Mtcnn, astronaut: np.ndarray, size: tuple[int, int]):
    small = cv2.resize(astronaut, size, interpolation=cv2.INTER_AREA)
    same(ours.detect([small], 20)[0], theirs(small[None], 20)[0])


def test_detect__takes_other_thresholds_as_facenet_pytorch(astronaut: np.ndarray):
    loose = (0.3, 0.2, 0.1)
    found = Mtcnn("cpu", loose).detect([astronaut], 60)[0]
    same(found, theirs(astronaut[None], 60, loose)[0])
    assert len(found.boxes) > 1


def test_detect__is_the_same_in_one_pass_and_shared_out(ours: Mtcnn, astronaut: np.ndarray):
    whole = Mtcnn("cpu")
    whole._pool = None  # as on CUDA: all frames and every level at once
    for one, other in zip(whole.detect([astronaut] * 2, 30), ours.detect([astronaut] * 2, 30), strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_allclose(one.points, other.points, atol=0.01)


@pytest.mark.slow
@pytest.mark.shared
def test_detect__answers_as_facenet_pytorch_on_real_photos(ours: Mtcnn, shared: Path):
    pictures = [read_rgb(path) for path in list_images(shared / "data" / "photos")]
    faces = 0
    for rgb in pictures:
        found = ours.detect([rgb], 20)[0]
        same(found, theirs(rgb[None], 20)[0])
        faces += len(found.boxes)
    assert faces > len(pictures)


def test_networks__that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(mtcnn, "weights_folders", lambda: (tmp_path,))
    with pytest.raises(WeightsError, match=r"pnet\.onnx is missing"):
        Mtcnn("cpu")


class FailingGpu:
    """A session whose GPU is there and cannot compute."""

    def run(self, outputs, feeds):
        raise RuntimeError("no kernel image is available for execution on the device\nin a file of the runtime")


def test_mtcnn__a_gpu_that_fails_at_the_first_picture_is_refused_by_name_and_left_by_auto(monkeypatch):
    def open_session(path, device, *, threads):
        return (FailingGpu(), "cuda:0") if device != "cpu" else (path.stem, "cpu")

    monkeypatch.setattr(mtcnn, "open_session", open_session)
    with pytest.raises(DeviceError, match=r"device cuda:0 .* fails at the first picture \(no kernel image[^\n]*\)"):
        Mtcnn("cuda:0")
    left = Mtcnn("auto")
    assert (left.device, left._pnet, left._onet) == ("cpu", "pnet", "onet")


def test_mtcnn__is_on_one_device_where_auto_finds_room_for_a_part_of_it(monkeypatch):
    def open_session(path, device, *, threads):
        return (path.stem, "cuda:0" if device == "auto" and path.stem == "pnet" else "cpu")

    monkeypatch.setattr(mtcnn, "open_session", open_session)
    found = Mtcnn("auto")
    assert (found.device, found._rnet, found._pool is not None) == ("cpu", "rnet", True)


@pytest.mark.gpu
def test_detect__is_the_same_on_cuda(ours: Mtcnn, astronaut: np.ndarray):
    on_gpu = Mtcnn("cuda")
    assert on_gpu._pnet.get_providers()[0] == CUDA_PROVIDER
    [found], [expected] = on_gpu.detect([astronaut], 20), ours.detect([astronaut], 20)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.5)
