"""Weights of another project in; a weights or backbone file of ours out, with a report of what went where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from fercli import __version__
from fercli.config.labels import SCHEMAS, LabelSchema, schema
from fercli.config.model import BtnConfig
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.data.sample_crops import sample_crops
from fercli.errors import UsageError, WeightsError
from fercli.system.files import refuse_existing
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX, PartCard, save_part, save_weights
from fercli.weights.foreign.conversion import Conversion, check_complete
from fercli.weights.foreign.face_resnet import convert_face_resnet, spread_statistics
from fercli.weights.foreign.ir50 import convert_ir50
from fercli.weights.foreign.mobilefacenet import convert_mobilefacenet
from fercli.weights.foreign.pickled import read_pickled_state
from fercli.weights.foreign.poster_v2 import convert_poster_v2, poster_v2_config
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from torch import Tensor

Source = Literal["auto", "poster_v2", "mobilefacenet", "ir50", "face_resnet"]

STATISTICS_FACES = 512  # pictures that batch-norm statistics are measured on
_BATCH = 32

# A name that only this kind of checkpoint has.
_MARKS = {
    "poster_v2": ("ir_back.input_layer.0.weight",),
    "mobilefacenet": ("conv2_dw.conv.weight",),
    "ir50": ("body.0.res_layer.1.weight", "body1.0.res_layer.1.weight"),
}

# Who made the weights and on what terms, for the card of whatever starts from them.
_ORIGINS = {
    "poster_v2": "POSTER++ (code MIT; weights derive from MS-Celeb-1M and the data set, research use)",
    "mobilefacenet": "cunjian/pytorch_face_landmark (no licence stated)",
    "ir50": "face.evoLVe (code MIT; weights derive from MS-Celeb-1M, research use)",
    "face_resnet": "dlib_face_recognition_resnet_model_v1 (Davis King, CC0), 8-bit copy of face-api.js (MIT)",
}


@dataclass(frozen=True)
class About:
    """What is known of a file beside its tensors, for the card: each replaces what the kind of file alone would say."""

    name: str | None = None
    licence: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertReport:
    """What became of a foreign file.

    part: `image_backbone`, `landmark_backbone` or `model`. renamed: our name -> theirs. dropped: their name -> why.
    labels: of a whole model, else empty. statistics_faces: pictures that batch-norm statistics were measured on.
    """

    source: Path
    out: Path
    kind: str
    part: str
    parameters: int
    renamed: Mapping[str, str]
    dropped: Mapping[str, str]
    labels: tuple[str, ...]
    statistics_faces: int


def convert_file(
    source: Path,
    out: Path,
    *,
    kind: str = "auto",
    labels: str | Sequence[str] | None = None,
    faces: Path | None = None,
    overwrite: bool = False,
    about: About | None = None,
) -> ConvertReport:
    """Read a foreign checkpoint and write it as safetensors: a whole model with its card, or a backbone.

    Args: kind, one of `Source`. labels, the label schema of a whole model: its file does not say what its classes are;
        of several, the one with the file's number of classes.
        faces, a folder of face crops that a face_resnet's batch-norm statistics are measured on, for training from it.
    Raises: UsageError for what is not told or does not apply, WeightsError for a file that is not what it should be
        (IncompleteError where tensors are missing, with their names).
    """
    about = about or About()
    kind = _checked(kind, out, overwrite=overwrite)
    if source.suffix == TORCH_SUFFIX:
        raise UsageError(f"{source} is safetensors already, there is nothing to convert", fix="use it as it is")
    conversion = _read(source, kind)
    if faces is not None and conversion.source != "face_resnet":
        raise UsageError("--faces is for face_resnet only: other files hold true statistics", fix="leave --faces away")
    if labels is not None and conversion.part is not None:
        raise UsageError(
            f"--labels is for whole models: {source} holds an {conversion.part}", fix="leave --labels away"
        )
    told = (
        {} if kind == "auto" else {"fix": "get the published file again, or leave its kind to be told by its tensors"}
    )
    check_complete(conversion, _expected(conversion), where=str(source), **told)
    provenance = {
        "source": conversion.source,
        "origin": _ORIGINS[conversion.source],
        "file": source.name,
        "converted_by": f"fercli {__version__}",
        **about.provenance,
    }
    measured, state = 0, conversion.state
    if faces is not None:
        measured, state = _with_statistics(state, faces)
        provenance["statistics_faces"] = str(measured)
    names: tuple[str, ...] = ()
    if conversion.part is None:
        known = _schema_of(labels, classes=_classes(conversion))
        names = known.names
        save_weights(out, state, _card(known, provenance, about))
    else:
        save_part(out, state, PartCard(conversion.part, provenance))
    return ConvertReport(
        source=source,
        out=out,
        kind=conversion.source,
        part=conversion.part or "model",
        parameters=sum(tensor.numel() for name, tensor in state.items() if not _is_statistic(name)),
        renamed=conversion.renamed,
        dropped=conversion.dropped,
        labels=names,
        statistics_faces=measured,
    )


def _checked(kind: str, out: Path, *, overwrite: bool) -> str:
    if kind not in get_args(Source):
        raise UsageError(f"unknown kind of checkpoint {kind!r}", fix=f"--from {' | '.join(get_args(Source))}")
    if out.suffix != TORCH_SUFFIX:
        raise UsageError(f"the output {out} must end in {TORCH_SUFFIX}", fix=str(out.with_suffix(TORCH_SUFFIX)))
    refuse_existing(out, overwrite=overwrite)
    return kind


def _read(source: Path, kind: str) -> Conversion:
    if kind == "face_resnet" or (kind == "auto" and source.suffix == ".json"):
        return convert_face_resnet(source)
    theirs = read_pickled_state(source)
    if kind == "auto":
        kind = next((name for name, marks in _MARKS.items() if any(mark in theirs for mark in marks)), "auto")
    converters = {"poster_v2": convert_poster_v2, "mobilefacenet": convert_mobilefacenet, "ir50": convert_ir50}
    if kind not in converters:
        raise WeightsError(
            f"{source} is no checkpoint this program knows; its first tensors are {', '.join(list(theirs)[:3])}",
            fix="known: POSTER_V2, MobileFaceNet (68 points), face.evoLVe's IR50, face-api.js' face_recognition_model",
        )
    return converters[kind](theirs)


def _expected(conversion: Conversion) -> Mapping[str, Tensor]:
    """Names and shapes of our network that the conversion has to fill."""
    import torch

    from fercli.models.btn import BTN

    config = model_preset("btn-compact") if conversion.source == "face_resnet" else poster_v2_config()
    with torch.device("meta"):
        whole = BTN(config, _classes(conversion), training_parts=False).state_dict()
    return {name: value for name, value in whole.items() if name.startswith(conversion.part or "")}


def _classes(conversion: Conversion) -> int:
    """Number of classes by the head; 7, which then does not matter, where there is no head."""
    head = conversion.state.get("vit.head.weight")
    return 7 if head is None else len(head)


def _schema_of(labels: str | Sequence[str] | None, *, classes: int) -> LabelSchema:
    if labels is not None and not isinstance(labels, str):
        labels = next((name for name in labels if len(schema(name).names) == classes), labels[0])
    fitting = [name for name, known in SCHEMAS.items() if len(known.names) == classes]
    if labels is None:
        raise UsageError(
            f"the file has {classes} classes but does not say which; data sets order them differently",
            fix=f"--labels {' | '.join(fitting)}" if fitting else "no data set known here has as many",
        )
    known = schema(labels)
    if len(known.names) != classes:
        raise UsageError(
            f"{labels} has {len(known.names)} classes, the file has {classes}", fix=f"--labels {' | '.join(fitting)}"
        )
    return known


def _card(known: LabelSchema, provenance: dict[str, str], about: About) -> WeightsCard:
    config: BtnConfig = poster_v2_config()
    return WeightsCard(
        name=about.name or f"poster-v2-{known.name}",
        version="1",
        labels=known.names,
        schema=known.name,
        crop=template("arcface"),
        model=config,
        provenance=dict(provenance),
        scores=dict(about.scores),
        licence=about.licence
        or "POSTER_V2's code: MIT; its weights derive from MS-Celeb-1M, RAF-DB and AffectNet: research use",
        notes=("Not calibrated: probabilities are softmax of the logits.",),
    )


def _with_statistics(state: Mapping[str, Tensor], faces: Path) -> tuple[int, Mapping[str, Tensor]]:
    import torch

    config = model_preset("btn-compact").input
    crops = sample_crops(faces, config.size, limit=STATISTICS_FACES)
    images = torch.from_numpy(to_input(crops, config))
    return len(crops), spread_statistics(state, images.split(_BATCH))


def _is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))
