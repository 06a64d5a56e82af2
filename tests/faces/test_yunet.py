"""The YuNet detector on pictures of any size, and the fixed shapes that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fercli.config.detect import DetectConfig
from fercli.faces.mtcnn import MtcnnDetector
from fercli.faces.yunet import YuNetDetector
from fercli.faces.yunet_network import YuNetNetwork
from fercli.media.images import list_images, read_rgb
from fercli.system.onnx_session import open_session
from fercli.system.shipped import detector_file

FACES = {  # what a person counts with a side of 20 px or more
    "A_ageitgey_obama_biden_wh.jpg": 2,
    "A_max_angry.jpg": 1,  # fills the picture
    "A_max_group.jpeg": 5,
    "A_max_happy-baby.jpeg": 1,
    "A_max_sad-baby.jpeg": 1,
    "A_solvay1927.jpg": 29,
    "B_dlib_2007_007763.jpg": 7,
    "B_dlib_2008_001009.jpg": 2,
    "B_dlib_2008_001322.jpg": 3,
    "B_dlib_2008_002079.jpg": 6,
    "B_dlib_2008_002470.jpg": 6,
    "C_pyfeat_free-mountain-vector-01.jpg": 0,
    "C_pyfeat_multi_face.jpg": 5,
}


@pytest.fixture(scope="module")
def detector() -> YuNetDetector:
    return YuNetDetector(device="cpu")


class CountingSession:
    """YuNet's session, with the shapes of its inputs."""

    def __init__(self) -> None:
        self.session, _ = open_session(detector_file("yunet.onnx"), "cpu")
        self.shapes: list[tuple[int, ...]] = []

    def run(self, outputs: Sequence[str] | None, inputs: dict[str, Any]) -> list[Any]:
        (images,) = inputs.values()
        self.shapes.append(images.shape)
        return list(self.session.run(outputs, inputs))


def test_detect__finds_the_face_where_mtcnn_does(detector: YuNetDetector, astronaut: np.ndarray):
    (face,) = detector.detect([astronaut])[0]
    (expected,) = MtcnnDetector(device="cpu").detect([astronaut])[0]
    np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.1 * expected.side)
    np.testing.assert_allclose(face.box_xyxy, expected.box_xyxy, atol=0.2 * expected.side)
    assert face.score > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (19, 19), (48, 48), (25, 1900), (1700, 21)])
def test_detect__takes_any_shape(shape: tuple[int, int], detector: YuNetDetector):
    assert detector.detect([np.full((*shape, 3), 128, np.uint8)]) == [[]]


def test_detect__no_frames_give_no_result(detector: YuNetDetector):
    assert detector.detect([]) == []


def test_detect__finds_a_face_that_fills_a_tiny_picture(detector: YuNetDetector, astronaut: np.ndarray):
    left, top, side = 168, 62, 110  # cropped as closely as the pictures of FER2013
    tiny = cv2.resize(astronaut[top : top + side, left : left + side], (48, 48), interpolation=cv2.INTER_AREA)
    (face,) = detector.detect([tiny])[0]
    (large,) = detector.detect([astronaut])[0]
    expected = [(x - left, y - top) for x, y in large.landmarks]
    np.testing.assert_allclose(np.array(face.landmarks) * side / 48, expected, atol=6)


@pytest.mark.parametrize("min_face_px", [5, 20])
def test_detect__finds_a_face_that_fills_a_large_picture_once(
    min_face_px: int, detector: YuNetDetector, astronaut: np.ndarray
):
    portrait = cv2.resize(astronaut[40:190, 150:300], (1500, 1500), interpolation=cv2.INTER_CUBIC)
    (face,) = detector.detect([portrait], min_face_px=min_face_px)[0]
    assert face.side > 800
    assert face.score > 0.9


def test_detect__ignores_faces_under_the_minimum(detector: YuNetDetector, astronaut: np.ndarray):
    assert detector.detect([astronaut], min_face_px=400) == [[]]


def test_detect__puts_the_largest_face_first(detector: YuNetDetector, astronaut: np.ndarray):
    half = cv2.resize(astronaut[:256, 100:356], (128, 128), interpolation=cv2.INTER_AREA)
    both = np.zeros((256, 384, 3), np.uint8)
    both[:128, :128], both[:, 128:] = half, astronaut[:256, 100:356]
    faces = detector.detect([both])[0]
    assert len(faces) == 2
    assert faces[0].area > faces[1].area


def test_detect__a_lower_threshold_finds_more(astronaut: np.ndarray):
    noisy = cv2.GaussianBlur(astronaut, (0, 0), 9)
    counts = [
        len(YuNetDetector(DetectConfig(thresholds=(0.6, 0.7, least)), "cpu").detect([noisy])[0])
        for least in (0.95, 0.05)
    ]
    assert counts[0] < counts[1]


def test_detect__on_a_gpu_runs_batches_of_fixed_shapes_with_the_same_result(
    detector: YuNetDetector, astronaut: np.ndarray
):
    session = CountingSession()
    on_gpu = YuNetDetector(network=YuNetNetwork("cuda:0", session=session))
    wide = cv2.resize(astronaut, (1280, 960), interpolation=cv2.INTER_LINEAR)
    frames = [wide, astronaut, np.zeros_like(wide), wide[:, ::-1], astronaut[:400, :300], wide]
    results = on_gpu.detect(frames)
    assert session.shapes == [(4, 3, 608, 800), (4, 3, 256, 320), (1, 3, 320, 320), (1, 3, 320, 256)]  # fixed
    for faces, expected in zip(results, detector.detect(frames), strict=True):
        assert len(faces) == len(expected)
        for one, other in zip(faces, expected, strict=True):
            np.testing.assert_allclose(one.box_xyxy, other.box_xyxy, atol=0.05)


@pytest.mark.slow
@pytest.mark.shared
def test_detect__finds_every_face_of_real_photos(detector: YuNetDetector, shared: Path):
    for name, faces in FACES.items():
        (found,) = detector.detect([read_rgb(shared / "data" / "photos" / name)])
        assert sum(face.score >= 0.9 for face in found) == faces, name
        assert len(found) <= faces + 1, name


@pytest.mark.slow
@pytest.mark.shared
def test_detect__misses_at_most_two_of_400_web_photos(detector: YuNetDetector, shared: Path):
    paths = list_images(shared / "data" / "web")
    assert len(paths) == 400
    assert sum(not detector.detect([read_rgb(path)])[0] for path in paths) <= 2


@pytest.mark.gpu
def test_detect__is_the_same_on_cuda(detector: YuNetDetector, astronaut: np.ndarray):
    (found,), (expected,) = (one.detect([astronaut])[0] for one in (YuNetDetector(device="cuda"), detector))
    np.testing.assert_allclose(found.box_xyxy, expected.box_xyxy, atol=0.5)
