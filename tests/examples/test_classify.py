"""The minimal consumer in Python: a process that has the file, onnxruntime, numpy and Pillow, and nothing of this package."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from fercli.faces.crop import letterbox
from fercli.weights.classifier import load_classifier

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "classify.py"

# what may not be imported, so that nothing but onnxruntime, numpy and Pillow can have answered
_ALONE = """
import runpy, sys
class Alone:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {"fercli", "torch", "cv2", "onnx"}:
            raise ImportError(name)
sys.meta_path.insert(0, Alone())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _classify(model, crop, folder):
    """The example in a process of its own."""
    Image.fromarray(crop).save(folder / "crop.png")
    return subprocess.run(
        [sys.executable, "-c", _ALONE, str(EXAMPLE), str(model), str(folder / "crop.png")],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )


@pytest.mark.slow
@pytest.mark.parametrize("file", ["shipped", "shipped_crops"])
def test_classify__gives_the_probabilities_of_fer_predict(file, request, crop, tmp_path):
    model = request.getfixturevalue(file)
    told = _classify(model, crop, tmp_path)
    classifier = load_classifier(request.getfixturevalue("shipped"), device="cpu")
    [wanted] = classifier.classify(crop[None])
    assert json.loads(told.stdout) == pytest.approx(
        dict(zip(classifier.card.labels, map(float, wanted), strict=True)), abs=1e-4
    )


@pytest.mark.slow
def test_classify__a_file_that_takes_crops_accepts_another_size(shipped, shipped_crops, astronaut, tmp_path):
    crop = np.ascontiguousarray(astronaut[35:185, 150:300])  # 150 px, larger than the model's
    told = json.loads(_classify(shipped_crops, crop, tmp_path).stdout)
    classifier = load_classifier(shipped, device="cpu")
    size = classifier.card.model.input.size
    assert size != 150
    [wanted] = classifier.classify(letterbox(crop, size)[0][None])
    # shrinking weighs neighbouring pixels in another way: the second or third decimal
    assert told == pytest.approx(dict(zip(classifier.card.labels, map(float, wanted), strict=True)), abs=0.05)
    assert sum(told.values()) == pytest.approx(1, abs=1e-5)
    refused = _classify(shipped, crop, tmp_path)
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, f"this file takes crops of {size} x {size} px")


@pytest.mark.slow
def test_classify__a_file_that_takes_points_is_refused_with_the_files_it_reads(shipped, crop, tmp_path):
    model = onnx.load(shipped)
    card = next(entry.value for entry in model.metadata_props if entry.key == "card")
    onnx.helper.set_model_props(model, {"card": card, "interface": "faces"})
    onnx.save(model, tmp_path / "faces.onnx")
    refused = _classify(tmp_path / "faces.onnx", crop, tmp_path)
    assert refused.returncode == 1
    assert "exported with --input images or --input crops" in refused.stderr
    assert "Traceback" not in refused.stderr


def _read(path):
    return runpy.run_path(str(EXAMPLE))["read_picture"](str(path))


def test_read_picture__reads_any_format_as_it_is_meant_to_be_seen(crop, tmp_path):
    Image.fromarray(crop).convert("CMYK").save(tmp_path / "print.jpg", quality=100, subsampling=0)
    assert np.abs(_read(tmp_path / "print.jpg").astype(int) - crop).mean() < 3
    grey = np.asarray(Image.fromarray(crop).convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")  # 16 bits per pixel
    np.testing.assert_array_equal(_read(tmp_path / "deep.png"), np.repeat(grey[..., None], 3, axis=2))
    turned = Image.Exif()
    turned[274] = 6  # to be shown turned by 90 degrees clockwise
    Image.fromarray(np.rot90(crop)).save(tmp_path / "phone.png", exif=turned)
    np.testing.assert_array_equal(_read(tmp_path / "phone.png"), crop)
    (tmp_path / "none.jpg").write_text("hello")
    with pytest.raises(SystemExit, match="is not a picture"):
        _read(tmp_path / "none.jpg")
