"""Small vectors that tell people apart."""

from __future__ import annotations

import numpy as np

from fercli.faces.appearance import looks


def test_looks__are_alike_for_one_crop_in_other_light_and_unlike_for_another(astronaut: np.ndarray):
    face, hand = astronaut[60:172, 170:282], astronaut[300:412, 100:212]
    brighter = np.clip(face * 0.8 + 30, 0, 255).astype(np.uint8)
    one, light, other = looks(np.stack([face, brighter, hand]))
    assert one @ light > 0.98
    assert one @ other < 0.5
    np.testing.assert_allclose(np.linalg.norm([one, light, other], axis=1), 1, rtol=1e-5)


def test_looks__of_one_colour_and_of_nothing():
    assert not looks(np.full((1, 20, 20, 3), 7, np.uint8)).any()
    assert looks([]).shape == (0, 192)
