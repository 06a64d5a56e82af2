"""The ablation studies: the settings of each row, and the accuracy that the paper reports (BTN, Tables 5 to 8).

One more study, `attention`, is about what makes class batch attention useful with noisy labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from fercli.config.presets import RECIPES
from fercli.errors import UsageError
from fercli.evaluate.published_scores import published_settings

StudyName = Literal["components", "lambda", "batch-size", "losses", "attention"]
MlaOnly = Literal["vit_replace", "vit_concat", "aux_head"]
LrRule = Literal["fixed", "sqrt", "linear"]

PAPER = "Batch Transformer: Look for Attention in Batch (Her, Jeong, Song, Han, 2024)"
LAMBDAS = tuple(1 + step / 4 for step in range(9))  # Table 6: 1 to 3
TABLE_7_BATCH_SIZES = (16, 32, 64, 128, 144, 256)  # Table 7
REFINE = RECIPES["btn-plus"].loss.refine
_NO_BATCH_LOSSES = ("loss.bt=0", "loss.cba=0")


@dataclass(frozen=True)
class Setting:
    """One row of a study: the settings it trains with, as `--set` takes them, over model and recipe.

    published: the paper's accuracy in percent by data set; empty for a setting that is not in the paper.
    x: position on the plot's axis, for studies over a number. note: what a reader must know about the row.
    """

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, float] = field(default_factory=dict)
    x: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Study:
    """One table: its rows, the baseline row, and the name of its plot's axis.

    notes: about all rows. omitted: names of rows of the table that are not trained.
    """

    name: StudyName
    title: str
    baseline: str
    rows: tuple[Setting, ...]
    axis: str | None = None
    notes: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()

    @property
    def file_stem(self) -> str:
        """The name of its files, without suffix; a study of some rows has another name than the whole one."""
        others = [re.sub(r"\W+", "-", row.name.lower()) for row in self.rows if row.name != self.baseline]
        return "-".join([self.name, *others]) if self.omitted else self.name

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Notes about rows, then about all of them."""
        return (*(row.note for row in self.rows if row.note), *self.notes)

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names) or self.baseline not in names:
            raise ValueError(f"{self.name}: rows {names} must differ and include the baseline {self.baseline!r}")


def build_study(
    name: StudyName,
    *,
    values: Sequence[float] = (),
    mla_only: MlaOnly = "vit_replace",
    lr_rule: LrRule = "fixed",
    batch_size: int = 64,
    lr: float = 2e-5,
) -> Study:
    """Build a study. `values` replace the paper's for lambda and batch-size; batch_size and lr are the recipe's.

    Raises: UsageError for values of a study that has none, or without the baseline's value.
    """
    if name not in get_args(StudyName):
        raise UsageError(f"unknown study {name!r}", fix=f"studies: {', '.join(get_args(StudyName))}")
    if values and name not in ("lambda", "batch-size"):
        raise UsageError(f"the study {name} has no values to choose", fix="leave --values out")
    if name == "components":
        return _components(mla_only)
    if name == "losses":
        return _losses()
    if name == "attention":
        return _attention()
    if name == "lambda":
        return _lambda(values or LAMBDAS)
    return _batch_size(values or TABLE_7_BATCH_SIZES, lr_rule, batch_size=batch_size, lr=lr)


def select_rows(study: Study, rows: Sequence[str]) -> Study:
    """The study with the named rows and the baseline only; case and spaces in names do not count.

    Raises: UsageError for an unknown row, or for no row besides the baseline.
    """
    names = {_normalise(row.name): row.name for row in study.rows}
    rows = [name for name in rows if name.strip()]
    unknown = [name for name in rows if _normalise(name) not in names]
    if unknown:
        raise UsageError(
            f"the study {study.name} has no row {unknown[0].strip()!r}", fix=f"rows: {', '.join(names.values())}"
        )
    selected = {names[_normalise(name)] for name in rows} | {study.baseline}
    if len(selected) == 1:
        raise UsageError(
            f"no row to compare with {study.baseline}", fix=f"rows: {', '.join(names.values())}, at least two"
        )
    omitted = tuple(row.name for row in study.rows if row.name not in selected)
    return replace(study, rows=tuple(row for row in study.rows if row.name in selected), omitted=omitted)


def _normalise(name: str) -> str:
    return "".join(name.split()).lower()


def _components(mla_only: MlaOnly) -> Study:
    definition = {
        "vit_replace": "the ViT reads F_MLA instead of S3",
        "vit_concat": "the ViT reads F_MLA beside S1, S2 and S3",
        "aux_head": "F_MLA has a classifier and a loss of its own",
    }[mla_only]
    published = published_settings("table5")
    return Study(
        name="components",
        title="Components (BTN, Table 5)",
        baseline="baseline",
        rows=(
            Setting(
                "baseline",
                _NO_BATCH_LOSSES,
                published["baseline"],
                note="The baseline is POSTER++ trained with this recipe; the paper's number is its own, from another recipe.",
            ),
            Setting(
                "MLA",
                (f"ablate.mla_only={mla_only}", *_NO_BATCH_LOSSES),
                published["MLA"],
                note=f"The paper does not define its row MLA: here {definition} (ablate.mla_only={mla_only}).",
            ),
            Setting(
                "BT", ("bt.source=s3",), published["BT"], note="BT alone takes its embedding from S3 (bt.source=s3)."
            ),
            Setting("MLA + BT", (), published["MLA + BT"]),
        ),
    )


def _losses() -> Study:
    published = published_settings("table8")
    return Study(
        name="losses",
        title="Losses (BTN, Table 8)",
        baseline="VIT",
        rows=(
            Setting("VIT", _NO_BATCH_LOSSES, published["VIT"]),
            Setting("VIT + BT", ("loss.cba=0",), published["VIT + BT"]),
            Setting("VIT + CBA", ("loss.bt=0",), published["VIT + CBA"]),
            Setting("VIT + BT + CBA", (), published["VIT + BT + CBA"]),
        ),
    )


def _attention() -> Study:
    """Every row states all settings that rows differ in, so that the recipe (compact or btn-plus) does not matter."""
    rows = (
        Setting("baseline", _attention_settings(batch_losses=False), note="baseline: no batch transformer."),
        Setting("paper", _attention_settings()),
        Setting("masked", _attention_settings(mask_self=True), note="masked: no image attends to itself."),
        Setting(
            "cosine",
            _attention_settings(mask_self=True, cosine=True),
            note="cosine: masked, and bounded by cosine similarity of centred embeddings with a learned scale.",
        ),
        Setting(
            "+ attention",
            _attention_settings(mask_self=True, cosine=True, attention=1.0),
            note="+ attention: cosine, and attention is supervised with the labels.",
        ),
        Setting(
            "+ refine",
            _attention_settings(mask_self=True, cosine=True, attention=1.0, refine=REFINE),
            note="+ refine: the row above, and P_CBA corrects the target of L_VIT, as in --recipe btn-plus.",
        ),
        Setting(
            "own teacher",
            _attention_settings(mask_self=True, cosine=True, attention=1.0, refine=REFINE, refine_from="vit"),
            note="own teacher: + refine with the image's own P_VIT as the target, which is L_VIT with less weight.",
        ),
        Setting(
            "EMA teacher",
            _attention_settings(mask_self=True, cosine=True, attention=1.0, refine=REFINE, refine_from="ema"),
            note="EMA teacher: + refine with P_VIT of the averaged weights (ema) as the target.",
        ),
        Setting(
            "permuted",
            _attention_settings(mask_self=True, cosine=True, attention=1.0, refine=REFINE, refine_from="permuted"),
            note="permuted: + refine with attention to random images instead of similar ones.",
        ),
        Setting(
            "detached",
            _attention_settings(detach=True),
            note="detached: paper, without gradient from MLA and the batch transformer to S1, S2 and S3.",
        ),
    )
    return Study("attention", "Class batch attention with noisy labels", "baseline", rows)


def _attention_settings(
    *,
    batch_losses: bool = True,
    mask_self: bool = False,
    cosine: bool = False,
    attention: float = 0.0,
    refine: float = 0.0,
    refine_from: Literal["cba", "vit", "ema", "permuted"] = "cba",
    detach: bool = False,
) -> tuple[str, ...]:
    return (
        f"loss.bt={int(batch_losses)}",
        f"loss.cba={int(batch_losses)}",
        f"cba.mask_self={str(mask_self).lower()}",
        f"cba.similarity={'cosine' if cosine else 'dot'}",
        f"loss.attention={attention:g}",
        f"loss.refine={refine:g}",
        f"loss.refine_from={refine_from}",
        f"batch.detach={str(detach).lower()}",
    )


def _lambda(values: Sequence[float]) -> Study:
    if 2 not in values:
        raise UsageError("the values of lambda must include 2, the baseline", fix="--values 1:3:0.25")
    published = published_settings("table6")
    rows = tuple(
        Setting(f"{value:g}", (f"loss.vit={value}",), published.get(f"{value:g}", {}), x=value) for value in values
    )
    return Study("lambda", "Weight lambda of L_VIT (BTN, Table 6)", "2", rows, axis="lambda")


def _batch_size(values: Sequence[float], rule: LrRule, *, batch_size: int, lr: float) -> Study:
    sizes = [int(value) for value in values]
    if any(size != value or size < 1 for size, value in zip(sizes, values, strict=True)):
        raise UsageError("batch sizes are whole numbers from 1", fix="--values 16,32,64")
    if batch_size not in sizes:
        raise UsageError(
            f"the batch sizes must include {batch_size}, the recipe's, as the baseline",
            fix=f"--values 16,{batch_size}, or --set batch_size={sizes[0]}",
        )
    published = published_settings("table7")
    exponent = {"fixed": 0.0, "sqrt": 0.5, "linear": 1.0}[rule]
    rows = []
    for size in sizes:
        rate = () if rule == "fixed" else (f"lr={lr * (size / batch_size) ** exponent!r}",)
        settings = (f"batch_size={size}", *rate)
        rows.append(Setting(str(size), settings, published.get(str(size), {}), x=size))
    lr_note = {
        "fixed": "The learning rate is the same for all sizes, as in the paper.",
        "sqrt": "The learning rate grows with the square root of the batch size.",
        "linear": "The learning rate grows with the batch size.",
    }[rule]
    epochs_note = "All sizes train for the same number of epochs, so larger batches take fewer steps."
    return Study(
        "batch-size",
        "Batch size (BTN, Table 7)",
        str(batch_size),
        tuple(rows),
        axis="batch size",
        notes=(lr_note, epochs_note),
    )
