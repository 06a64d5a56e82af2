"""The example with a detector and a file that aligns faces: the probabilities of fer predict without this package."""

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import helper

from fercli import Predictor
from fercli.export.preprocessing import add_preprocessing
from fercli.system.shipped import detector_file
from fercli.weights.files import read_card

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs" / "images" / "astronaut.jpg"


@pytest.mark.slow
def test_photo__gives_nearly_the_probabilities_and_the_box_of_fer_predict(shipped, tmp_path):
    card = read_card(shipped)
    graph = add_preprocessing(onnx.load(shipped), card, "faces")
    helper.set_model_props(graph, {"card": card.to_json(), "interface": "faces"})
    onnx.save(graph, tmp_path / "faces.onnx")
    command = [sys.executable, str(ROOT / "docs/examples/photo.py"), str(detector_file("yunet.onnx"))]
    run = subprocess.run([*command, "faces.onnx", str(PHOTO)], capture_output=True, text=True, cwd=tmp_path, check=True)
    [face] = map(json.loads, run.stdout.splitlines())
    [expected] = Predictor().image(PHOTO).faces
    # detected at another size: the box moves by pixels, the probabilities by hundredths
    assert face["box"] == pytest.approx(expected.box_xyxy, abs=12)
    assert face["probabilities"] == pytest.approx(dict(expected.probabilities), abs=0.05)
