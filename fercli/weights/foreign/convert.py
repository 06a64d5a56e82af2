"""Convert a checkpoint of another project to a weights file or a backbone file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fercli import __version__
from fercli.config.labels import SCHEMAS, LabelSchema, schema
from fercli.config.templates import template
from fercli.data.crop_folder import read_crop_folder
from fercli.errors import UsageError, WeightsError
from fercli.system.chunks import chunked
from fercli.system.files import refuse_existing
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX, PartCard, save_part, save_weights
from fercli.weights.foreign.conversion import Conversion, check_complete
from fercli.weights.foreign.format import ForeignFormat
from fercli.weights.foreign.formats import AUTO, FORMATS
from fercli.weights.foreign.pickled import read_pickled_state
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from torch import Tensor

STATISTICS_FACES = 512  # pictures that batch-norm statistics are measured on
_BATCH = 32


@dataclass(frozen=True)
class CardDetails:
    """Entries of the card that the checkpoint itself does not contain; each replaces the default of its format."""

    name: str | None = None
    licence: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertReport:
    """What `convert` did with every tensor of a file.

    format: name of the ForeignFormat. part: `image_backbone`, `landmark_backbone` or `model`.
    renamed: BTN's name -> the file's. dropped: the file's name -> why the tensor is not used.
    labels: of a whole model, else empty. statistics_faces: pictures that batch-norm statistics were measured on.
    """

    source: Path
    out: Path
    format: str
    part: str
    parameters: int
    renamed: Mapping[str, str]
    dropped: Mapping[str, str]
    labels: tuple[str, ...]
    statistics_faces: int


def convert(
    source: Path,
    out: Path,
    *,
    source_format: str = AUTO,
    labels: str | Sequence[str] | None = None,
    faces: Path | None = None,
    overwrite: bool = False,
    details: CardDetails | None = None,
    formats: Mapping[str, ForeignFormat] = FORMATS,
) -> ConvertReport:
    """Read a foreign checkpoint and write it as safetensors: a whole model with its card, or a backbone.

    Args: source_format, a name in `formats`. labels, the label schema of a whole model, as its file does not contain the
        class names; of several, the one with the file's number of classes.
        faces, a folder of face crops to measure batch-norm statistics on, for training from a face_resnet.
    Raises: UsageError for a missing or superfluous option, WeightsError for a file of unknown format or with tensors of
        another shape (IncompleteError where tensors are missing, with their names).
    """
    details = details or CardDetails()
    _check_paths(source, out, source_format, formats)
    refuse_existing(out, overwrite=overwrite)
    known, conversion = _read(source, source_format, formats)
    if faces is not None and known.measure_statistics is None:
        raise UsageError(
            f"--faces does not apply to {known.title}: its file contains batch-norm statistics", fix="omit --faces"
        )
    if labels is not None and known.part is not None:
        raise UsageError(f"--labels is for whole models: {source} contains only an {known.part}", fix="omit --labels")
    wrong_format = (
        f"give its format: --from {' | '.join(formats)}"
        if source_format == AUTO
        else "download the published file again, or omit --from"
    )
    expected = _expected(known, conversion)
    check_complete(conversion, expected, title=known.title, where=str(source), fix=wrong_format)
    provenance = {
        "source": known.name,
        "origin": known.origin,
        "file": source.name,
        "converted_by": f"fercli {__version__}",
        **details.provenance,
    }
    measured, state = 0, conversion.state
    if faces is not None:
        measured, state = _with_statistics(known, state, faces)
        provenance["statistics_faces"] = str(measured)
    names: tuple[str, ...] = ()
    if known.part is None:
        classes = _schema_of(labels, classes=_classes(conversion))
        names = classes.names
        save_weights(out, state, _card(known, classes, provenance, details))
    else:
        save_part(out, state, PartCard(known.part, provenance))
    return ConvertReport(
        source=source,
        out=out,
        format=known.name,
        part=known.part or "model",
        parameters=sum(tensor.numel() for name, tensor in state.items() if not _is_statistic(name)),
        renamed=conversion.renamed,
        dropped=conversion.dropped,
        labels=names,
        statistics_faces=measured,
    )


def _check_paths(source: Path, out: Path, source_format: str, formats: Mapping[str, ForeignFormat]) -> None:
    if source_format != AUTO and source_format not in formats:
        raise UsageError(f"unknown checkpoint format {source_format!r}", fix=f"--from {' | '.join((AUTO, *formats))}")
    if out.suffix != TORCH_SUFFIX:
        raise UsageError(f"the output {out} must end in {TORCH_SUFFIX}", fix=str(out.with_suffix(TORCH_SUFFIX)))
    if source.suffix == TORCH_SUFFIX:
        raise UsageError(f"{source} is safetensors already, there is nothing to convert", fix="use it as it is")


def _read(source: Path, source_format: str, formats: Mapping[str, ForeignFormat]) -> tuple[ForeignFormat, Conversion]:
    if source_format != AUTO:
        known = formats[source_format]
        return known, known.convert(known.read(source))
    by_suffix = next((known for known in formats.values() if known.suffix == source.suffix), None)
    if by_suffix is not None:
        return by_suffix, by_suffix.convert(by_suffix.read(source))
    state = read_pickled_state(source)
    for known in formats.values():
        if any(key in state for key in known.signature_keys):
            return known, known.convert(state)
    raise WeightsError(
        f"{source} is a checkpoint of unknown format; its first tensors are {', '.join(list(state)[:3])}",
        fix=f"known formats: {', '.join(known.title for known in formats.values())}",
    )


def _expected(known: ForeignFormat, conversion: Conversion) -> Mapping[str, Tensor]:
    """Names and shapes of BTN that the conversion has to fill."""
    import torch

    from fercli.models.btn import BTN

    with torch.device("meta"):
        whole = BTN(known.config(), _classes(conversion), training_parts=False).state_dict()
    return {name: value for name, value in whole.items() if name.startswith(known.part or "")}


def _classes(conversion: Conversion) -> int:
    """Number of classes of the head; 7 for a part, whose tensors do not depend on it."""
    head = conversion.state.get("vit.head.weight")
    return 7 if head is None else len(head)


def _schema_of(labels: str | Sequence[str] | None, *, classes: int) -> LabelSchema:
    if labels is not None and not isinstance(labels, str):
        labels = next((name for name in labels if len(schema(name).names) == classes), labels[0])
    fitting = [name for name, known in SCHEMAS.items() if len(known.names) == classes]
    if labels is None:
        raise UsageError(
            f"the file has {classes} classes but not their names; data sets order them differently",
            fix=f"--labels {' | '.join(fitting)}" if fitting else "no known data set has this number of classes",
        )
    known = schema(labels)
    if len(known.names) != classes:
        raise UsageError(
            f"{labels} has {len(known.names)} classes, the file has {classes}", fix=f"--labels {' | '.join(fitting)}"
        )
    return known


def _card(known: ForeignFormat, classes: LabelSchema, provenance: dict[str, str], details: CardDetails) -> WeightsCard:
    return WeightsCard(
        name=details.name or f"{known.name.replace('_', '-')}-{classes.name}",
        version="1",
        labels=classes.names,
        schema=classes.name,
        crop=template("arcface"),
        model=known.config(),
        provenance=dict(provenance),
        scores=dict(details.scores),
        licence=details.licence or known.licence,
        notes=("Not calibrated: probabilities are softmax of the logits.",),
    )


def _with_statistics(
    known: ForeignFormat, state: Mapping[str, Tensor], faces: Path
) -> tuple[int, Mapping[str, Tensor]]:
    import torch

    if known.measure_statistics is None:
        return 0, state
    config = known.config().input
    crops = read_crop_folder(faces, config.size, limit=STATISTICS_FACES)
    images = torch.from_numpy(to_input(crops, config))
    return len(crops), known.measure_statistics(state, chunked(images, _BATCH))


def _is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))
