"""The MTCNN detector on pictures of any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fercli.config.detect import DetectConfig
from fercli.faces.mtcnn import MtcnnDetector


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(device="cpu")


def _iou(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def test_detect__finds_the_face_where_facenet_pytorch_does(detector: MtcnnDetector, astronaut: np.ndarray):
    from facenet_pytorch import MTCNN

    boxes, scores, points = MTCNN(keep_all=True).detect(astronaut, landmarks=True)
    (face,) = detector.detect([astronaut])[0]
    assert _iou(face.box_xyxy, boxes[0]) > 0.99
    np.testing.assert_allclose(face.landmarks, points[0].astype(float), atol=0.5)
    assert face.score == pytest.approx(scores[0], abs=1e-3)


def test_detect__is_the_same_in_a_batch_and_with_other_sizes(detector: MtcnnDetector, astronaut: np.ndarray):
    alone = detector.detect([astronaut])[0][0]
    mixed = detector.detect([astronaut, np.zeros((300, 200, 3), np.uint8), astronaut[:, ::-1], astronaut])
    assert [len(faces) for faces in mixed] == [1, 0, 1, 1]
    np.testing.assert_allclose(mixed[3][0].box_xyxy, alone.box_xyxy, atol=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (19, 19), (20, 20), (48, 48), (25, 1900), (1700, 21)])
def test_detect__takes_any_shape(shape: tuple[int, int], detector: MtcnnDetector):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert detector.detect([noise])[0] == []


def test_detect__no_frames_give_no_result(detector: MtcnnDetector):
    assert detector.detect([]) == []


def test_detect__finds_a_face_that_fills_a_tiny_picture(detector: MtcnnDetector, astronaut: np.ndarray):
    # the face of a FER2013 picture: 48 x 48 pixels, cropped as closely
    left, top, side = 168, 62, 110
    tiny = cv2.resize(astronaut[top : top + side, left : left + side], (48, 48), interpolation=cv2.INTER_AREA)
    (face,) = detector.detect([tiny])[0]
    large = detector.detect([astronaut])[0][0]
    expected = [(x - left, y - top) for x, y in large.landmarks]
    np.testing.assert_allclose(np.array(face.landmarks) * side / 48, expected, atol=6)


def test_detect__maps_boxes_of_a_shrunken_picture_back(astronaut: np.ndarray):
    large = cv2.resize(astronaut, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    (face,) = MtcnnDetector(DetectConfig(min_face_px=80, max_side=512), "cpu").detect([large])[0]
    (expected,) = MtcnnDetector(device="cpu").detect([astronaut])[0]
    assert _iou(tuple(value / 4 for value in face.box_xyxy), expected.box_xyxy) > 0.9


def test_detect__ignores_faces_under_the_minimum(astronaut: np.ndarray):
    assert MtcnnDetector(DetectConfig(min_face_px=400), "cpu").detect([astronaut]) == [[]]


def test_detect__puts_the_largest_face_first(detector: MtcnnDetector, astronaut: np.ndarray):
    half = cv2.resize(astronaut[:256, 100:356], (128, 128), interpolation=cv2.INTER_AREA)
    both = np.zeros((256, 384, 3), np.uint8)
    both[:128, :128], both[:, 128:] = half, astronaut[:256, 100:356]
    faces = detector.detect([both])[0]
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
