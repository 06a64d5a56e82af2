"""The networks of `fer predict`, and how its settings describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fercli.cli import console

if TYPE_CHECKING:
    from fercli.config.detect import DetectConfig
    from fercli.faces.detector import FaceDetector
    from fercli.weights.classifier import Classifier


def open_models(
    open_one: Callable[[str], Classifier], detect: DetectConfig | None, device: str
) -> tuple[Classifier, FaceDetector | None]:
    """Load the networks of a worker."""
    from fercli.faces.detector import open_detector

    return open_one(device), None if detect is None else open_detector(detect, device)


def describe_engine(classifier: Classifier, detector: FaceDetector | None) -> str:
    """Name the engine and the device, that of the detector too if it differs."""
    runs_on = f"{classifier.engine} on {classifier.device}"
    return (
        runs_on
        if detector is None or detector.device == classifier.device
        else f"{runs_on}, detector on {detector.device}"
    )


def open_classifier(
    weights: str | None, engine: str, device: str, *, convention: str | None, prior: str | None, flip: bool
) -> Classifier:
    """Load the classifier with the class shares of --prior and the mirror image of --flip."""
    from fercli.weights.classifier import load_classifier
    from fercli.weights.flip import with_flip
    from fercli.weights.priors import class_shares, with_prior

    classifier = load_classifier(weights, engine, device, convention=convention)
    if prior is not None:
        classifier = with_prior(classifier, class_shares(prior, classifier.card.labels))
    return with_flip(classifier) if flip else classifier


def warn_of_alignment(classifier: Classifier, detector: str) -> None:
    """Warn if the network was trained on faces that another detector aligned."""
    from fercli.data.align_record import alignment_differences
    from fercli.faces.detector import detector_version

    differences = alignment_differences(classifier.card.data.get("alignment"), {"detector": detector_version(detector)})
    if differences:
        console.warn(f"faces are aligned differently from the training data of {classifier.card.name}: {differences}")


def weights_settings(classifier: Classifier, weights: str | None) -> dict[str, str]:
    """Return the file of the weights with its digest, and the crop template, as settings."""
    from fercli.system.digest import file_sha256
    from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
    from fercli.weights.find import find_weights

    file = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    crop = classifier.card.crop
    measured = f", measured with {crop.detector}" if crop.detector else ""
    return {"weights file": f"{file.name}, sha256 {file_sha256(file)[:16]}", "crop template": f"{crop.name}{measured}"}


def assumptions(classifier: Classifier, prior: str | None, *, flip: bool) -> dict[str, str]:
    """Return the label convention of a model that has several, the class shares of --prior, and --flip, as settings."""
    from fercli.weights.conventions import describe_convention
    from fercli.weights.flip import FLIP
    from fercli.weights.priors import describe_prior

    card = classifier.card
    return {
        **({} if card.convention is None else {"label convention": describe_convention(card.convention)}),
        **({} if prior is None else {"class shares": describe_prior(prior, card.prior)}),
        **({"test-time augmentation": FLIP} if flip else {}),
    }
