"""Faces carried from frame to frame, against where they were moved to."""

from __future__ import annotations

import cv2
import numpy as np

from fercli.faces.geometry import transform_points
from fercli.faces.optical_flow import FaceFlow
from fercli.results import Face

FACE = Face(
    (176.0, 60.0, 274.0, 172.0), 0.99, ((204.0, 101.0), (249.0, 100.0), (231.0, 128.0), (206.0, 142.0), (249.0, 141.0))
)


def _moved(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(rgb, matrix, rgb.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def test_flow__follows_a_turn_a_zoom_and_a_shift(astronaut: np.ndarray):
    matrix = cv2.getRotationMatrix2D((225, 120), 3.0, 1.05)
    matrix[:, 2] += (7.0, -4.0)
    flow = FaceFlow(astronaut)
    [face] = flow.follow(_moved(astronaut, matrix), [FACE])
    np.testing.assert_allclose(face.landmarks, transform_points(matrix, FACE.landmarks), atol=0.7)
    width = (FACE.box_xyxy[2] - FACE.box_xyxy[0]) * 1.05
    assert abs(face.box_xyxy[2] - face.box_xyxy[0] - width) < 1.0


def test_flow__continues_from_frame_to_frame(astronaut: np.ndarray):
    flow, faces = FaceFlow(astronaut), [FACE]
    for step in range(1, 6):
        faces = flow.follow(np.roll(astronaut, 4 * step, axis=1), faces)
    np.testing.assert_allclose(faces[0].landmarks, np.add(FACE.landmarks, (20, 0)), atol=0.7)


def test_flow__drops_a_face_that_disappears(astronaut: np.ndarray):
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape, dtype=np.uint8)
    assert FaceFlow(astronaut).follow(noise, [FACE]) == []


def test_flow__without_faces_returns_none(astronaut: np.ndarray):
    assert FaceFlow(astronaut).follow(astronaut, []) == []
