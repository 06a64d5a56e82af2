"""Weights and a data set in, how well the one reads the other out: accuracy in its kinds, calibration, robustness.

results: what is measured. degradations, end_to_end, batch_check: the parts on request. writing, page: the folder.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fercli.data.align_record import alignment_differences
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.open import open_dataset
from fercli.data.subsets import Subset, read_subset
from fercli.data.train_copies import train_copies
from fercli.errors import RefusedError, UsageError
from fercli.evaluate.answers import Answers, answers_on, class_name, known_samples, samples_of
from fercli.evaluate.batch_check import IMAGES as CHECKED_IMAGES
from fercli.evaluate.batch_check import batch_check
from fercli.evaluate.calibration import calibration, risk_coverage
from fercli.evaluate.degradations import chosen_places, curves_of
from fercli.evaluate.degrade import kinds_of
from fercli.evaluate.end_to_end import RawAnswer, end_to_end_score, read_raw
from fercli.evaluate.files import RESULT_NAME
from fercli.evaluate.metrics import class_accuracy, wilson_interval
from fercli.evaluate.resampling import RESAMPLES
from fercli.evaluate.results import (
    FLIP,
    BatchCheck,
    CopiesInTrain,
    EvaluationResult,
    Model,
    SubsetScore,
    as_record,
    score_of,
)
from fercli.evaluate.scores import selection_code
from fercli.faces.detector import FaceDetector
from fercli.progress import Progress, silent
from fercli.system.digest import file_sha256
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import Classifier, load_classifier
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

__all__ = ["Checks", "EvaluationResult", "as_record", "evaluate"]

COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
_CODES_AGREE = 0.9  # of a list's class codes; fewer are worth a word
_NAMED = 5  # images that a warning names


@dataclass(frozen=True)
class Checks:
    """What else to measure, beside the score of the split.

    subsets: lists of images. degrade: kinds of degradation or `all`, on `degrade_images` drawn by the seed, all if None.
    end_to_end: a data set of raw pictures, by name or folder. batch: certify that answers do not depend on the batch.
    copies: find images that the train split has too, for which its pictures are read where the data set marks none.
    coverages: shares of images, the surest, whose accuracy is told.
    """

    subsets: Sequence[Path] = ()
    degrade: Sequence[str] = ()
    degrade_images: int | None = None
    end_to_end: str | None = None
    batch: bool = False
    copies: bool = True
    coverages: Sequence[float] = COVERAGES


def evaluate(
    weights: str | Path | None,
    data: str,
    *,
    folder: Path | None = None,
    split: Split = "test",
    checks: Checks = Checks(),
    batch: int = 64,
    engine: str = "auto",
    device: str = "auto",
    seed: int = 0,
    flip: bool = False,
    out: Path | None = None,
    overwrite: bool = False,
    detector: FaceDetector | None = None,
    progress: Progress = silent,
) -> EvaluationResult:
    """Score weights on one split of a data set; labels are matched by name, never by number.

    weights, data: names or paths (`folder`: where a named data set lies). seed: of resampling, degradations and what is
    drawn. flip: average the answers over each face and its mirror image. out: a new folder for everything that was
    measured, pictures and a page. detector: for end to end; MTCNN unless given.
    Errors: UsageError for `flip` end to end; DataError where the split has no image the model could name, or images
    cannot be read; RefusedError where `out` exists, or where answers depend on the batch; WeightsError and DeviceError
    from the classifier.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=RESULT_NAME)
    if flip and checks.end_to_end:
        raise UsageError("raw pictures are answered as fer predict does, without mirror images", fix="leave out --flip")
    kinds = kinds_of(checks.degrade)
    dataset = open_dataset(data, folder)
    samples = samples_of(dataset, split)
    raw_data = open_dataset(checks.end_to_end) if checks.end_to_end else None
    raw_samples = samples_of(raw_data, split) if raw_data else ()
    classifier = load_classifier(weights, engine, device)
    known = known_samples(classifier, dataset, samples)
    subsets = [read_subset(path, dataset, known) for path in checks.subsets]
    answers = answers_on(classifier, dataset, known, batch=batch, flip=flip, progress=progress)
    raw: tuple[RawAnswer, ...] = ()
    copies = _copies(dataset, answers, seed=seed, wanted=checks.copies, progress=progress)
    result = _result(
        classifier, dataset, samples, answers, subsets, coverages=checks.coverages, copies=copies, seed=seed
    )
    if kinds:
        curves = curves_of(
            classifier, dataset, answers, kinds, images=checks.degrade_images, seed=seed, batch=batch, progress=progress
        )
        result = replace(result, curves=curves)
    if raw_data is not None:
        finder, name = _detector(detector, device)
        raw = read_raw(
            classifier, raw_data, known_samples(classifier, raw_data, raw_samples), finder, progress=progress
        )
        result = replace(result, end_to_end=end_to_end_score(classifier, raw_data.name, raw, detector=name))
    if checks.batch:
        places = chosen_places(len(known), CHECKED_IMAGES, seed=seed)
        check = batch_check(weights, answers, places, device=device, seed=seed, progress=progress)
        _refuse_dependence(check)
        result = replace(result, batch_check=check)
    if out is not None:
        from fercli.evaluate.writing import Details, write_evaluation

        result = replace(result, model=_counted(result.model, classifier, weights))
        settings = {"seed": seed, "batch": batch, "bootstrap": f"{RESAMPLES:,} resamples within classes"}
        details = Details(answers, dataset.root, raw, raw_data.root if raw_data else None, settings, seed)
        with replacing_folder(out) as place:
            write_evaluation(place, result, details)
    return result


def _result(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    answers: Answers,
    subsets: Sequence[Subset],
    *,
    coverages: Sequence[float],
    copies: CopiesInTrain | None,
    seed: int,
) -> EvaluationResult:
    card, labels, matrix = classifier.card, answers.labels, answers.confusion()
    scored = set(labels)
    left_out = Counter(name for sample in samples if (name := class_name(dataset, sample)) not in scored)
    counts = matrix.sum(axis=1).tolist()
    selective = risk_coverage(answers.probabilities, answers.truth)
    return EvaluationResult(
        model=_model(classifier),
        data=dataset.name,
        fingerprint=dataset.fingerprint,
        split=samples[0].split,
        labels=labels,
        score=score_of(matrix, seed=seed),
        n_per_class=dict(zip(labels, counts, strict=True)),
        class_accuracy=dict(zip(labels, map(_number, class_accuracy(matrix)), strict=True)),
        class_interval={
            label: wilson_interval(int(matrix[place, place]), counts[place]) if counts[place] else None
            for place, label in enumerate(labels)
        },
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        before=calibration(answers.probabilities_at(1.0), answers.truth, temperature=1.0),
        after=calibration(answers.probabilities, answers.truth, temperature=card.temperature),
        coverage={share: selective.accuracy_at(share) for share in coverages},
        aurc=selective.aurc,
        copies=copies,
        augmentation=None if answers.mirrored is None else FLIP,
        left_out=dict(left_out),
        subsets=tuple(
            SubsetScore(
                subset.name,
                subset.listed,
                score_of(answers.confusion(subset.chosen), seed=seed),
                len(subset.repeated),
                subset.coded,
                subset.agreeing,
            )
            for subset in subsets
        ),
        warnings=_warnings(dataset, card, left_out, subsets, unwritten=dataset.unwritten.get(samples[0].split, 0)),
    )


def _model(classifier: Classifier) -> Model:
    card = classifier.card
    recipe = card.provenance.get("recipe")
    return Model(
        name=card.name,
        version=card.version,
        preset=card.model.preset,
        engine=classifier.engine,
        device=classifier.device,
        selection=selection_code(card.scores),
        selected_by=card.scores.get("selected_by"),
        epoch=card.scores.get("epoch"),
        seed=recipe.get("seed") if isinstance(recipe, Mapping) else None,
    )


def _counted(model: Model, classifier: Classifier, weights: str | Path | None) -> Model:
    """The model with the hash of its file and the size of its network."""
    from fercli.models.counting import count_network

    path = find_weights(weights, (ONNX_SUFFIX if classifier.engine == "onnx" else TORCH_SUFFIX,))
    total = count_network(classifier.card.model, len(classifier.card.labels), training=None).total
    return replace(model, sha256=file_sha256(path), parameters=total.parameters, macs=total.macs)


def _copies(dataset: Dataset, answers: Answers, *, seed: int, wanted: bool, progress: Progress) -> CopiesInTrain | None:
    """What is known of scored images that train has too, in every case told; None for train itself."""
    if answers.samples[0].split == "train":
        return None
    if not wanted:
        return CopiesInTrain(None, "Whether images occur in train too was not looked at (--no-copies)")
    copies = train_copies(dataset, answers.samples, progress=progress)
    if copies is None:
        return CopiesInTrain(
            None, f"Whether the images were trained on is not known: {dataset.name} has no train split to look in"
        )
    count, n = int(copies.found.sum()), len(copies.found)
    how = "as the data set marks them" if copies.marked else f"by the pixels of its {copies.compared:,} images"
    if copies.unreadable:
        how += f"; {copies.unreadable:,} more cannot be read"
    told = f"{f'{count:,}' if count else 'None'} of the {n:,} images {'occur' if count > 1 else 'occurs'} in train too ({how})"
    others = score_of(answers.confusion(~copies.found), seed=seed) if 0 < count < n else None
    return CopiesInTrain(count, told, others)


def _detector(given: FaceDetector | None, device: str) -> tuple[FaceDetector, str]:
    if given is not None:
        return given, type(given).__name__
    from fercli.faces.detector import detector_version, open_detector

    return open_detector(device=device), detector_version()


def _refuse_dependence(check: BatchCheck) -> None:
    if not check.holds:
        worst = max(check.engines, key=lambda item: item.largest)
        raise RefusedError(
            f"answers depend on the batch: with {worst.engine} a logit moves by up to {worst.largest:.2g} "
            f"(accepted: {check.tolerance:g}) and {worst.changed} of {check.n} images change their class",
            fix="such accuracy is not worth publishing; report it with the weights and the output of fer doctor",
        )


def _warnings(
    dataset: Dataset, card: WeightsCard, left_out: Mapping[str, int], subsets: Sequence[Subset], *, unwritten: int
) -> tuple[str, ...]:
    found: list[str] = []
    if left_out:
        listed = ", ".join(f"{name} ({count})" for name, count in left_out.items())
        found.append(f"{card.name} does not know {listed}: these images are in no score")
    if unwritten:
        found.append(f"{unwritten} labelled images have no file (no face was found in them): they are in no score")
    if dataset.crop is not None and dataset.crop != card.crop.name:
        found.append(f"the images are aligned to {dataset.crop}, {card.name} was trained on {card.crop.name} crops")
    else:
        found += _other_alignment(dataset, card)
    for subset in subsets:
        if subset.repeated:
            found.append(
                f"the list {subset.name} names {len(subset.repeated)} of its images more than once "
                f"({_some(subset.repeated)}): each is scored once"
            )
        if subset.coded and subset.agreeing < _CODES_AGREE * subset.coded:
            found.append(
                f"the classes in the list {subset.name} fit the labels of {subset.agreeing} of {subset.coded} images"
            )
    return tuple(found)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")


def _other_alignment(dataset: Dataset, card: WeightsCard) -> list[str]:
    """A sentence if the record of the images' alignment is not that of the images the model was trained on."""
    if "alignment" not in card.data:
        return []
    trained = card.data["alignment"]
    if (dataset.alignment is None) != (trained is None):
        here, there = ("not ", "were") if dataset.alignment is None else ("", "were not")
        return [f"the images are {here}aligned by fer align, those that {card.name} was trained on {there}"]
    differences = alignment_differences(trained, dataset.alignment or {})
    return [f"the images are aligned otherwise than {card.name} was trained: {differences}"] if differences else []


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
