"""facenet-pytorch behind the detectors' interface."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.bench.facenet import FacenetDetector


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_facenet__finds_the_face_alone_and_in_batches(astronaut: np.ndarray, device: str):
    detector = FacenetDetector(60, device)
    assert detector.device.startswith(device)
    black = np.zeros_like(astronaut)
    together = detector.detect([astronaut, black])
    apart = detector.detect([astronaut, black[:300]])
    assert [len(faces) for faces in together] == [len(faces) for faces in apart] == [1, 0]
    np.testing.assert_allclose(together[0][0].box_xyxy, apart[0][0].box_xyxy, atol=0.5)
    assert detector.detect([]) == []
