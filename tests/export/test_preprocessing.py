from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from fercli.export.preprocessing import add_preprocessing
from fercli.faces.crop import crop_face, letterbox
from fercli.faces.geometry import invert, similarity_transform, transform_points
from fercli.weights.preprocess import softmax, to_input


def _session(model):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _tiles(crops, card):
    """Logits of the graph of tiles for crops [B, S, S, 3], by numpy."""
    images = to_input(crops, card.model.input)
    batch, _, side, _ = images.shape
    return images.reshape(batch, 3, 4, side // 4, 4, side // 4).mean(axis=(3, 5)).reshape(batch, -1)


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_add_preprocessing__crops_of_the_models_size_are_only_normalised(tiles, card, colour, astronaut):
    card = replace(card, model=replace(card.model, input=replace(card.model.input, colour=colour)))
    session = _session(add_preprocessing(tiles, card, "crops"))
    crops = np.stack([astronaut[:48, :48], astronaut[200:248, 100:148]])
    probabilities, logits = session.run(["probabilities", "logits"], {"crops": crops})
    np.testing.assert_allclose(logits, _tiles(crops, card), atol=1e-5)
    np.testing.assert_allclose(probabilities, softmax(_tiles(crops, card), card.temperature), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(160, 160), (200, 131), (90, 301), (31, 40), (512, 512)])
def test_add_preprocessing__crops_of_other_sizes_are_scaled_as_fer_scales_them(tiles, card, height, width, astronaut):
    picture = np.ascontiguousarray(astronaut[:height, :width])
    session = _session(add_preprocessing(tiles, card, "crops"))
    [logits] = session.run(["logits"], {"crops": picture[None]})
    expected = _tiles(letterbox(picture, 48)[0][None], card)
    assert np.abs(logits - expected).max() < 0.05  # of values that lie within about -2..2
    assert np.abs(logits - expected).mean() < 0.012


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.0])
@pytest.mark.parametrize("scale", [0.2, 0.5, 1.5])
def test_add_preprocessing__faces_are_aligned_as_fer_aligns_them(tiles, card, turn, scale, astronaut):
    template = card.crop.points_px(48)
    turned = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.column_stack([turned, [24, 24] - turned @ [224, 110]])  # the face's middle to the crop's
    points = transform_points(invert(matrix), template) + np.array(
        [[1, 0], [0, 2], [-1, 1], [0, 0], [2, -1]]
    )  # not quite similar
    session = _session(add_preprocessing(tiles, card, "faces"))
    [logits] = session.run(["logits"], {"crops": astronaut[None], "points": points[None].astype(np.float32)})
    expected = _tiles(crop_face(astronaut, points, card.crop, 48)[0][None], card)
    assert np.abs(logits - expected).max() < 0.06
    assert np.abs(logits - expected).mean() < 0.012


def test_add_preprocessing__a_face_does_not_depend_on_its_others_in_its_batch(tiles, card, astronaut):
    points = (card.crop.points_px(90) + np.array([180, 65])).astype(np.float32)
    session = _session(add_preprocessing(tiles, card, "faces"))
    [alone] = session.run(["logits"], {"crops": astronaut[None], "points": points[None]})
    others = np.stack([points * np.float32(0.3), points, points[::-1].copy()])
    [together] = session.run(["logits"], {"crops": np.stack([astronaut] * 3), "points": others})
    np.testing.assert_array_equal(together[1], alone[0])


def test_add_preprocessing__points_of_the_template_give_the_identity(tiles, card, astronaut):
    crop = astronaut[60:108, 200:248]
    points = card.crop.points_px(48)
    np.testing.assert_allclose(similarity_transform(points, points), [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    session = _session(add_preprocessing(tiles, card, "faces"))
    [logits] = session.run(["logits"], {"crops": crop[None], "points": points[None].astype(np.float32)})
    np.testing.assert_allclose(logits, _tiles(crop[None], card), atol=1e-4)
