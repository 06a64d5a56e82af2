import numpy as np
import pytest

from fercli.config.model import InputConfig
from fercli.weights.preprocess import softmax, to_input


def test_to_input__scales_then_normalises_each_channel():
    crops = np.zeros((1, 2, 2, 3), np.uint8)
    crops[0, 0, 1] = (255, 0, 51)
    config = InputConfig(size=2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 2.0))
    images = to_input(crops, config)
    assert images.shape == (1, 3, 2, 2)
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    # (1 - 0.5) / 0.5, (0 - 0.25) / 0.5, (0.2 - 0) / 2
    np.testing.assert_allclose(images[0, :, 0, 1], [1.0, -0.5, 0.1], atol=1e-6)


def test_to_input__grey_is_bt601_luminance_in_all_channels():
    crops = np.full((1, 1, 1, 3), (255, 0, 0), np.uint8)
    images = to_input(crops, InputConfig(size=1, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), colour="grey"))
    np.testing.assert_allclose(images.ravel(), [0.299] * 3, atol=1e-6)


def test_to_input__equals_torchvision_to_tensor_and_normalize():
    from torchvision.transforms.functional import normalize, to_tensor

    crop = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    config = InputConfig(size=8)
    expected = normalize(to_tensor(crop), list(config.mean), list(config.std)).numpy()
    np.testing.assert_allclose(to_input(crop[None], config)[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "crops", [np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 5, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)]
)
def test_to_input__refuses_other_shapes_and_types(crops):
    with pytest.raises(ValueError, match=r"crops must be uint8 \[B, 4, 4, 3\]"):
        to_input(crops, InputConfig(size=4))


def test_softmax__of_zero_and_log_three():
    np.testing.assert_allclose(softmax(np.array([[0.0, np.log(3.0)]], np.float32)), [[0.25, 0.75]], atol=1e-7)


def test_softmax__temperature_divides_the_logits():
    # log 9 / 2 = log 3
    np.testing.assert_allclose(softmax(np.array([[0.0, np.log(9.0)]], np.float32), 2.0), [[0.25, 0.75]], atol=1e-7)


def test_softmax__large_logits_do_not_overflow():
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0]], np.float32)), [[1.0, 0.0]])
