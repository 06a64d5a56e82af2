"""`fer eval`: score weights on one split of a data set, with intervals, calibration and robustness.

dataset_predictions.py runs the network, results.py has the types of what is measured, output_folder.py and page.py write
it. robustness.py, end_to_end.py and batch_check.py are the parts on request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fercli.config.detect import DetectConfig
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.open import open_dataset, open_second
from fercli.data.subsets import Subset, read_subset
from fercli.data.train_copies import find_train_copies
from fercli.errors import RefusedError
from fercli.evaluate.batch_check import IMAGES as CHECKED_IMAGES
from fercli.evaluate.batch_check import batch_check, weights_files
from fercli.evaluate.calibration import calibration, risk_coverage
from fercli.evaluate.dataset_predictions import (
    DatasetPredictions,
    class_name,
    known_samples,
    labelled_samples,
    predict_samples,
)
from fercli.evaluate.degrade import kinds_of
from fercli.evaluate.end_to_end import PicturePrediction, predict_pictures, score_pictures
from fercli.evaluate.resampling import RESAMPLES
from fercli.evaluate.result_file import RESULT_NAME, ModelFacts
from fercli.evaluate.results import BatchCheck, CopiesInTrain, EndToEnd, EvaluationResult, SubsetScore
from fercli.evaluate.robustness import degradation_curves, sample_indices
from fercli.evaluate.score_warnings import score_warnings
from fercli.evaluate.scores import selection_code
from fercli.faces.detector import FaceDetector, detector_version, open_detector
from fercli.formatting import pluralize
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.packages import TORCH, is_installed, require
from fercli.weights.classifier import Classifier, load_classifier
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
from fercli.weights.find import find_weights
from fercli.weights.flip import FLIP, with_flip
from fercli.weights.priors import class_shares, describe_prior, with_prior


@dataclass(frozen=True)
class EvaluateOptions:
    """What to measure, and how to run the network.

    flip: average the probabilities of each face and its mirror image. subsets: lists of images that are scored as well.
    degrade: kinds of degradation or `all`, on `degrade_images` sampled images, on all if None.
    end_to_end: a data set of raw pictures, by name or folder. batch_check: refuse predictions that depend on the batch.
    find_copies: search the train split for copies of the scored images where the data set marks none.
    coverages: most confident shares of the images whose accuracy is computed.
    seed: of the bootstrap, the degradations and the sampling of images. convention: the label convention of a model that has
    several (default: its own). prior: class shares to assume, see `class_shares` (default: those of the weights).
    """

    split: Split = "test"
    flip: bool = False
    subsets: Sequence[Path] = ()
    degrade: Sequence[str] = ()
    degrade_images: int | None = None
    end_to_end: str | None = None
    detector: str = DetectConfig.detector
    batch_check: bool = False
    find_copies: bool = True
    coverages: Sequence[float] = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
    seed: int = 0
    batch_size: int = 64
    engine: str = "auto"
    device: str = "auto"
    convention: str | None = None
    prior: str | None = None


def evaluate(
    weights: str | Path | None,
    data: str,
    options: EvaluateOptions = EvaluateOptions(),
    *,
    folder: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    detector: FaceDetector | None = None,
    progress: Progress = silent,
) -> EvaluationResult:
    """Score weights on one split of a data set; classes are matched by name.

    weights, data: names or paths (folder: of a named data set). out: a new folder for results, plots and a report.
    detector: for end to end, instead of the one that `options` names.
    Raises: DataError where the split has no image of a known class, or images cannot be
    read; RefusedError where `out` exists, or where predictions depend on the batch; WeightsError and DeviceError from the
    classifier.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=RESULT_NAME)
    if options.batch_check and not is_installed("torch") and TORCH_SUFFIX in weights_files(weights):
        require("--batch-check", TORCH)
    kinds = kinds_of(options.degrade)
    dataset = open_dataset(data, folder)
    samples = labelled_samples(dataset, options.split)
    raw_data = open_second(options.end_to_end, "--end-to-end") if options.end_to_end else None
    raw_samples = labelled_samples(raw_data, options.split) if raw_data else ()
    classifier = _load_classifier(weights, options)
    known = known_samples(classifier, dataset, samples)
    subsets = [read_subset(path, dataset, known) for path in options.subsets]
    predictions = predict_samples(
        classifier, dataset, known, batch_size=options.batch_size, flip=options.flip, progress=progress
    )
    copies = _copies(dataset, predictions, options, progress=progress)
    result = _result(classifier, dataset, samples, predictions, subsets, options=options, copies=copies)
    if kinds:
        curves = degradation_curves(
            classifier,
            dataset,
            predictions,
            kinds,
            images=options.degrade_images,
            seed=options.seed,
            batch_size=options.batch_size,
            progress=progress,
        )
        result = replace(result, curves=curves)
    pictures: tuple[PicturePrediction, ...] = ()
    if raw_data is not None:
        end_to_end, pictures = _end_to_end(
            with_flip(classifier) if options.flip else classifier,
            raw_data,
            raw_samples,
            detector=detector,
            options=options,
            progress=progress,
        )
        result = replace(result, end_to_end=end_to_end)
    if options.batch_check:
        result = replace(result, batch_check=_batch_check(weights, predictions, options, progress=progress))
    if out is not None:
        from fercli.evaluate.output_folder import Details, write_evaluation

        result = replace(result, model=add_network_size(result.model, classifier, weights))
        pictures_root = raw_data.root if raw_data else None
        details = Details(predictions, dataset.root, pictures, pictures_root, _settings(options), options.seed)
        with replacing_folder(out) as temporary:
            write_evaluation(temporary, result, details)
    return result


def _load_classifier(weights: str | Path | None, options: EvaluateOptions) -> Classifier:
    classifier = load_classifier(weights, options.engine, options.device, convention=options.convention)
    if options.prior is None:
        return classifier
    return with_prior(classifier, class_shares(options.prior, classifier.card.labels))


def _settings(options: EvaluateOptions) -> dict[str, object]:
    return {
        "seed": options.seed,
        "batch size": options.batch_size,
        "bootstrap": f"{RESAMPLES:,} resamples within classes",
    }


def _end_to_end(
    classifier: Classifier,
    raw_data: Dataset,
    samples: Sequence[Sample],
    *,
    detector: FaceDetector | None,
    options: EvaluateOptions,
    progress: Progress,
) -> tuple[EndToEnd, tuple[PicturePrediction, ...]]:
    name = type(detector).__name__ if detector else detector_version(options.detector)
    detector = detector or open_detector(DetectConfig(detector=options.detector), options.device)
    known = known_samples(classifier, raw_data, samples)
    pictures = predict_pictures(classifier, raw_data, known, detector, progress=progress)
    return score_pictures(classifier, raw_data.name, pictures, detector=name), pictures


def _result(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    predictions: DatasetPredictions,
    subsets: Sequence[Subset],
    *,
    options: EvaluateOptions,
    copies: CopiesInTrain | None,
) -> EvaluationResult:
    card, seed = classifier.card, options.seed
    scored = set(predictions.labels)
    left_out = Counter(name for sample in samples if (name := class_name(dataset, sample)) not in scored)
    recipe = card.provenance.get("recipe")
    ranking = risk_coverage(predictions.probabilities, predictions.truth)
    score = predictions.score(seed=seed)
    return EvaluationResult(
        model=ModelFacts(
            name=card.name,
            version=card.version,
            preset=card.model.preset,
            engine=classifier.engine,
            device=classifier.device,
            convention=card.convention,
            prior=None if options.prior is None else describe_prior(options.prior, card.prior),
        ),
        selection=selection_code(card.scores),
        selected_by=card.scores.get("selected_by"),
        epoch=card.scores.get("epoch"),
        seed=recipe.get("seed") if isinstance(recipe, Mapping) else None,
        data=dataset.name,
        fingerprint=dataset.fingerprint,
        split=options.split,
        score=score,
        before=calibration(predictions.probabilities_at(1.0), predictions.truth, temperature=1.0),
        after=calibration(predictions.probabilities, predictions.truth, temperature=card.temperature),
        coverage={share: ranking.accuracy_at(share) for share in options.coverages},
        aurc=ranking.aurc,
        copies=copies,
        augmentation=FLIP if options.flip else None,
        left_out=dict(left_out),
        subsets=tuple(
            SubsetScore(
                name=subset.name,
                listed=subset.listed,
                score=predictions.score(subset.indices, seed=seed),
                repeated=len(subset.repeated),
                with_code=subset.with_code,
                matching=subset.matching,
            )
            for subset in subsets
        ),
        warnings=score_warnings(
            dataset, card, left_out, subsets, score=score, without_file=dataset.without_file.get(options.split, 0)
        ),
    )


def add_network_size(model: ModelFacts, classifier: Classifier, weights: str | Path | None) -> ModelFacts:
    """Add the hash of the weights file and, where torch is installed to count it, the size of its network."""
    path = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    if not is_installed("torch"):
        return replace(model, sha256=file_sha256(path))
    from fercli.models.counting import count_network

    total = count_network(classifier.card.model, len(classifier.card.labels), training=None).total
    return replace(model, sha256=file_sha256(path), parameters=total.parameters, macs=total.macs)


def _copies(
    dataset: Dataset, predictions: DatasetPredictions, options: EvaluateOptions, *, progress: Progress
) -> CopiesInTrain | None:
    """Find scored images that train has too, or state why that is unknown; None for train itself."""
    if options.split == "train":
        return None
    if not options.find_copies:
        return CopiesInTrain(None, "Copies of training images were not searched for (--no-copies)")
    copies = find_train_copies(dataset, predictions.samples, progress=progress)
    if copies is None:
        return CopiesInTrain(
            None, f"Whether the images were trained on is unknown: {dataset.name} has no train split to search"
        )
    count, images = int(copies.is_copy.sum()), len(copies.is_copy)
    how = "marked by the data set" if copies.marked else f"compared with the pixels of its {copies.compared:,} images"
    if copies.unreadable:
        how += f"; could not read {copies.unreadable:,} more"
    occur = "occur" if count > 1 else "occurs"
    message = f"{f'{count:,}' if count else 'None'} of the {pluralize(images, 'image')} {occur} in train too ({how})"
    score = predictions.score(~copies.is_copy, seed=options.seed) if 0 < count < images else None
    return CopiesInTrain(count, message, score)


def _batch_check(
    weights: str | Path | None, predictions: DatasetPredictions, options: EvaluateOptions, *, progress: Progress
) -> BatchCheck:
    """Check that predictions do not depend on the batch. Raises: RefusedError if they do."""
    check = batch_check(
        weights,
        predictions,
        sample_indices(len(predictions.truth), CHECKED_IMAGES, seed=options.seed),
        device=options.device,
        convention=options.convention,
        seed=options.seed,
        progress=progress,
    )
    if not check.passed:
        worst = max(check.engines, key=lambda item: item.max_difference)
        raise RefusedError(
            f"predictions depend on the batch: with {worst.engine} a logit changes by up to {worst.max_difference:.2g} "
            f"(accepted: {check.tolerance:g}) and {worst.changed} of {check.images} images change their class",
            fix="do not publish such an accuracy; report it with the weights and the output of fer doctor",
        )
    return check
