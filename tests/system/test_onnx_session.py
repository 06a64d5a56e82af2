"""Sessions: padding of batches, and files that are missing. Providers are tested with the classifier."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fercli.errors import WeightsError
from fercli.system.onnx_session import engine_shapes, open_session, padded_batch, session_metadata
from fercli.system.shipped import detector_file


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 4), (4, 4), (5, 16), (16, 16)])
def test_padded_batch__appends_zeros_up_to_the_next_size(count: int, size: int):
    padded = padded_batch(np.ones((count, 2, 3), np.uint8), (1, 4, 16))
    assert (padded.shape, padded.dtype) == ((size, 2, 3), np.uint8)
    assert padded[:count].all()
    assert not padded[count:].any()


def test_open_session__refuses_a_missing_file(tmp_path: Path):
    with pytest.raises(WeightsError, match="there is no ONNX file"):
        open_session(tmp_path / "no.onnx", "cpu")


def test_open_session__runs_a_shipped_network_on_the_cpu():
    session, device = open_session(detector_file("rnet.onnx"), "cpu", threads=1)
    assert device == "cpu"
    assert set(session_metadata(session)) == {"digest"}
    boxes, scores = session.run(None, {"images": np.zeros((3, 24, 24, 3), np.float32)})
    assert (boxes.shape, scores.shape) == ((3, 4), (3,))


def test_engine_shapes__are_one_profile_from_the_smallest_to_the_largest_batch():
    images = SimpleNamespace(name="images", shape=["batch", 3, 96, 96])
    points = SimpleNamespace(name="points", shape=["batch", 5, 2])
    assert engine_shapes([images, points], (1, 8, 32)) == {
        "trt_profile_min_shapes": "images:1x3x96x96,points:1x5x2",
        "trt_profile_opt_shapes": "images:8x3x96x96,points:8x5x2",
        "trt_profile_max_shapes": "images:32x3x96x96,points:32x5x2",
    }


def test_engine_shapes__of_images_of_any_size_are_left_to_tensorrt():
    crops = SimpleNamespace(name="crops", shape=["batch", "height", "width", 3])
    assert engine_shapes([crops], (1, 8, 32)) == {}
    assert engine_shapes([SimpleNamespace(name="images", shape=["batch", 3, 96, 96])], ()) == {}
