"""Small vectors that tell people apart."""

from __future__ import annotations

import numpy as np

from fercli.faces.appearance import appearance_vectors


def test_appearance_vectors__are_similar_in_other_light_and_differ_for_another_crop(astronaut: np.ndarray):
    face, hand = astronaut[60:172, 170:282], astronaut[300:412, 100:212]
    brighter = np.clip(face * 0.8 + 30, 0, 255).astype(np.uint8)
    one, light, other = appearance_vectors(np.stack([face, brighter, hand]))
    assert one @ light > 0.98
    assert one @ other < 0.5
    np.testing.assert_allclose(np.linalg.norm([one, light, other], axis=1), 1, rtol=1e-5)


def test_appearance_vectors__of_one_colour_and_of_nothing():
    assert not appearance_vectors(np.full((1, 20, 20, 3), 7, np.uint8)).any()
    assert appearance_vectors([]).shape == (0, 192)
