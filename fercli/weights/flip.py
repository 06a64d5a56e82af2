"""Test-time augmentation: the mean prediction of a face and its mirror image.

Letters: B faces, N classes, S side of a crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fercli.weights.classifier import Classifier, LoadedClassifier
from fercli.weights.preprocess import flip_averaged_softmax, mirror

FLIP = "mean of the probabilities of a face and its mirror image"


def with_flip(classifier: Classifier) -> Classifier:
    """Return a classifier that averages the probabilities of each crop [S, S, 3] and its mirror image, in twice the time.

    Its logits [B, N] are the logarithms of these means times the temperature of the card.
    """
    temperature = classifier.card.temperature

    def averaged(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        mean = flip_averaged_softmax(classifier.logits(crops), classifier.logits(mirror(crops)), temperature)
        tiny = np.finfo(np.float32).tiny
        return (temperature * np.log(np.maximum(mean, tiny))).astype(np.float32)

    return LoadedClassifier(classifier.card, classifier.engine, classifier.device, averaged)
