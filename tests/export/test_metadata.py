"""Doc string and metadata of an exported file: a face can be aligned with nothing else."""

import numpy as np
import onnx
import pytest

from fercli.config.templates import template
from fercli.faces.crop import crop_face
from fercli.weights.classifier import load_classifier

pytestmark = pytest.mark.slow  # the exporter takes seconds


def _aligned(text, card, picture, points):
    """The transform [2, 3] and the crop [S, S, 3] of a face with `points` [5, 2], by a file's doc string and card alone."""
    side = card["model"]["input"]["size"]
    template = np.array(card["crop"]["points"]) * side
    (px, py), (qx, qy) = points.mean(axis=0), template.mean(axis=0)
    (dx, dy), (ex, ey) = (points - [px, py]).T, (template - [qx, qy]).T
    assert "a = sum(dx ex + dy ey) / sum(dx dx + dy dy), b = sum(dx ey - dy ex) / sum(dx dx + dy dy)" in text
    a, b = (dx @ ex + dy @ ey) / (dx @ dx + dy @ dy), (dx @ ey - dy @ ex) / (dx @ dx + dy @ dy)
    assert "(Qx + a (x - Px) - b (y - Py), Qy + b (x - Px) + a (y - Py)) of the crop" in text
    transform = np.array([[a, -b, qx - a * px + b * py], [b, a, qy - b * px - a * py]])
    # the middles of 8 x 8 cells of every pixel, mapped back to the picture
    middles = (np.arange(8 * side) + 0.5) / 8
    u, v = np.meshgrid(middles, middles)
    x, y = np.einsum("ij,jkl->ikl", np.linalg.inv(transform[:, :2]), [u - transform[0, 2], v - transform[1, 2]])
    # between the middles of pixels; (0, 0) is the corner of the first one
    height, width, _ = picture.shape
    column, row = (x - 0.5).clip(0, width - 1), (y - 0.5).clip(0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    share_x, share_y = (column - left)[..., None], (row - top)[..., None]
    above = picture[top, left] * (1 - share_x) + picture[top, right] * share_x
    below = picture[bottom, left] * (1 - share_x) + picture[bottom, right] * share_x
    fine = above * (1 - share_y) + below * share_y
    return transform, fine.reshape(side, 8, side, 8, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def test_doc_string__is_enough_to_align_a_face(exported, astronaut, read_metadata):
    # not similar to the template: fits in the crop's pixels and in the picture's differ
    points = np.array([[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]])
    text, card = onnx.load(exported.out).doc_string, read_metadata(exported.out)["card"]
    transform, crop = _aligned(text, card, astronaut, points)
    expected, matrix = crop_face(astronaut, points, template("fer2013"), 48)
    np.testing.assert_allclose(transform, matrix, atol=1e-9)
    assert np.abs(crop.astype(int) - expected).mean() < 4  # grey values, 9 with a fit in the picture; shrinking differs
    classifier = load_classifier(exported.out, device="cpu")
    np.testing.assert_allclose(classifier.classify(crop[None]), classifier.classify(expected[None]), atol=0.05)


def test_doc_string__explains_the_alignment_and_every_key_of_the_metadata(exported, float16_stored, read_metadata):
    text = onnx.load(float16_stored.out).doc_string
    for phrase in (
        "the eyes (the left one in the picture first), the nose and the mouth corners (left first)",
        "without mirroring",
        "the least sum of squared distances in the crop's pixels",
        "Sample bilinearly",
        "repeat its border",
        *read_metadata(float16_stored.out),
        "abstain_below",
    ):
        assert phrase in text
    assert read_metadata(float16_stored.out)["stored"]["scores"].endswith("before they were rounded")
    assert "rounded" not in read_metadata(exported.out)["stored"]["scores"]
