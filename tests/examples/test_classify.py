"""The minimal consumer in Python: a process that has the file, onnxruntime and numpy, and nothing of this package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fercli.store.inference import load_classifier

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "classify.py"

# what may not be imported, so that nothing but onnxruntime and numpy can have answered
_ALONE = """
import runpy, sys
class Alone:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {"fercli", "torch", "cv2", "PIL", "onnx"}:
            raise ImportError(name)
sys.meta_path.insert(0, Alone())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("file", ["shipped", "shipped_crops"])
def test_classify__gives_the_probabilities_of_fer_predict(file, request, crop, tmp_path):
    model = request.getfixturevalue(file)
    height, width, _ = crop.shape
    (tmp_path / "crop.ppm").write_bytes(b"P6\n%d %d\n255\n" % (width, height) + crop.tobytes())
    told = subprocess.run(
        [sys.executable, "-c", _ALONE, str(EXAMPLE), str(model), str(tmp_path / "crop.ppm")],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    classifier = load_classifier(request.getfixturevalue("shipped"), device="cpu")
    [wanted] = classifier.classify(crop[None])
    assert json.loads(told.stdout) == pytest.approx(
        dict(zip(classifier.card.labels, map(float, wanted), strict=True)), abs=1e-4
    )
