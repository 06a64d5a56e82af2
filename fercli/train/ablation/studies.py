"""The paper's ablations (BTN, Tables 5 to 8): which settings each row trains with, and what the paper reports for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from fercli.errors import UsageError

StudyName = Literal["components", "lambda", "batch-size", "losses"]
MlaOnly = Literal["vit_replace", "vit_concat", "aux_head"]
RateRule = Literal["fixed", "sqrt", "linear"]

PAPER = "Batch Transformer: Look for Attention in Batch (Her, Jeong, Song, Han, 2024)"
LAMBDAS = tuple(1 + step / 4 for step in range(9))  # Table 6: 1 to 3
BATCH_SIZES = (16, 32, 64, 128, 144, 256)  # Table 7
_MAIN = "The paper's number for {} is its main result, which has this setting."
_NO_BATCH = ("loss.bt=0", "loss.cba=0")


@dataclass(frozen=True)
class Row:
    """One setting of a study. settings: as `--set` takes them, over model and recipe.

    published: the paper's accuracy in percent by data set; empty where we do not have the paper's number.
    place: where it stands on the plot's axis, for studies over a number. note: what a reader must know about it.
    """

    name: str
    settings: tuple[str, ...]
    published: Mapping[str, float] = field(default_factory=dict)
    place: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Study:
    """One table: its rows, the row that the others are compared with, and what its plot's axis is called."""

    name: StudyName
    title: str
    baseline: str
    rows: tuple[Row, ...]
    axis: str | None = None
    about_all: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What its files are called: a study of some rows leaves that of all of them alone."""
        others = [re.sub(r"\W+", "-", row.name.lower()) for row in self.rows if row.name != self.baseline]
        return "-".join([self.name, *others]) if self.left_out else self.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: about rows, and about all of it."""
        return (*(row.note for row in self.rows if row.note), *self.about_all)

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names) or self.baseline not in names:
            raise ValueError(f"{self.name}: rows {names} must be distinct and hold the baseline {self.baseline!r}")


def study(
    name: StudyName,
    *,
    values: Sequence[float] = (),
    mla_only: MlaOnly = "vit_replace",
    rate_rule: RateRule = "fixed",
    batch_size: int = 64,
    lr: float = 2e-5,
) -> Study:
    """Build a study. `values` replace the paper's for lambda and batch-size; batch_size and lr are the recipe's.

    Errors: UsageError for values where the study has none, or without the one that the others are compared with.
    """
    if name not in get_args(StudyName):
        raise UsageError(f"unknown study {name!r}", fix=f"studies: {', '.join(get_args(StudyName))}")
    if name == "components":
        _no_values(name, values)
        return _components(mla_only)
    if name == "losses":
        _no_values(name, values)
        return _losses()
    if name == "lambda":
        return _lambda(values or LAMBDAS)
    return _batch_size(values or BATCH_SIZES, rate_rule, batch_size=batch_size, lr=lr)


def only(whole: Study, rows: Sequence[str]) -> Study:
    """The study with these rows alone, and the one that they are compared with; case and spaces do not count.

    Errors: UsageError for a row that the study has not, or none but the baseline.
    """
    names = {_plain(row.name): row.name for row in whole.rows}
    rows = [name for name in rows if name.strip()]
    unknown = [name for name in rows if _plain(name) not in names]
    if unknown:
        raise UsageError(
            f"the study {whole.name} has no row {unknown[0].strip()!r}", fix=f"rows: {', '.join(names.values())}"
        )
    wanted = {names[_plain(name)] for name in rows} | {whole.baseline}
    if len(wanted) == 1:
        raise UsageError(
            f"nothing to compare with {whole.baseline}", fix=f"rows: {', '.join(names.values())}, at least two"
        )
    left_out = tuple(row.name for row in whole.rows if row.name not in wanted)
    return replace(whole, rows=tuple(row for row in whole.rows if row.name in wanted), left_out=left_out)


def _plain(name: str) -> str:
    return "".join(name.split()).lower()


def _components(mla_only: MlaOnly) -> Study:
    what = {
        "vit_replace": "the ViT reads F_MLA in place of S3",
        "vit_concat": "the ViT reads F_MLA beside S1, S2 and S3",
        "aux_head": "F_MLA has a classifier and a loss of its own",
    }[mla_only]
    return Study(
        name="components",
        title="Components (BTN, Table 5)",
        baseline="baseline",
        rows=(
            Row(
                "baseline",
                _NO_BATCH,
                {"rafdb": 92.21},
                note="The baseline is POSTER++ trained with this recipe; the paper's number is its own, from another recipe.",
            ),
            Row(
                "MLA",
                (f"ablate.mla_only={mla_only}", *_NO_BATCH),
                {"rafdb": 90.97},
                note=f"The paper does not define its row MLA: here {what} (ablate.mla_only={mla_only}).",
            ),
            Row("BT", ("bt.source=s3",), note="BT alone takes its embedding from S3 (bt.source=s3)."),
            Row("MLA + BT", (), {"rafdb": 92.54}),
        ),
    )


def _losses() -> Study:
    return Study(
        name="losses",
        title="Losses (BTN, Table 8)",
        baseline="VIT",
        rows=(
            Row("VIT", _NO_BATCH, {"rafdb": 92.14}),
            Row("VIT + BT", ("loss.cba=0",)),
            Row("VIT + CBA", ("loss.bt=0",)),
            Row("VIT + BT + CBA", (), {"rafdb": 92.54}),
        ),
    )


def _lambda(values: Sequence[float]) -> Study:
    if 2 not in values:
        raise UsageError(
            "the values of lambda must hold 2, which the others are compared with", fix="--values 1:3:0.25"
        )
    rows = tuple(_lambda_row(v) for v in values)
    return Study(
        "lambda",
        "Weight lambda of L_VIT (BTN, Table 6)",
        "2",
        rows,
        axis="lambda",
    )


def _lambda_row(value: float) -> Row:
    published, note = ({"rafdb": 92.54}, _MAIN.format("lambda 2")) if value == 2 else ({}, "")
    return Row(f"{value:g}", (f"loss.vit={value}",), published, place=value, note=note)


def _batch_size(values: Sequence[float], rule: RateRule, *, batch_size: int, lr: float) -> Study:
    sizes = [int(value) for value in values]
    if any(size != value or size < 1 for size, value in zip(sizes, values, strict=True)):
        raise UsageError("batch sizes are whole numbers from 1", fix="--values 16,32,64")
    if batch_size not in sizes:
        raise UsageError(
            f"the batch sizes must hold {batch_size}, the recipe's, which the others are compared with",
            fix=f"--values 16,{batch_size}, or --set batch_size={sizes[0]}",
        )
    published = {64: {"rafdb": 92.54}, 144: {"affectnet7": 67.60, "affectnet8": 64.29}}
    notes = {64: _MAIN.format("64 (RAF-DB)"), 144: _MAIN.format("144 (AffectNet)")}
    power = {"fixed": 0.0, "sqrt": 0.5, "linear": 1.0}[rule]
    rows = []
    for size in sizes:
        rate = () if rule == "fixed" else (f"lr={lr * (size / batch_size) ** power!r}",)
        given = (f"batch_size={size}", *rate)
        rows.append(Row(str(size), given, published.get(size, {}), place=size, note=notes.get(size, "")))
    how = {
        "fixed": "The learning rate is the same for all sizes, as in the paper.",
        "sqrt": "The learning rate grows with the square root of the batch size.",
        "linear": "The learning rate grows with the batch size.",
    }[rule]
    epochs = "All sizes train for the same number of epochs, so larger batches take fewer steps."
    return Study(
        "batch-size",
        "Batch size (BTN, Table 7)",
        str(batch_size),
        tuple(rows),
        axis="batch size",
        about_all=(how, epochs),
    )


def parse_values(text: str) -> tuple[float, ...]:
    """Read `16,32,64` or `1:3:0.25` (first, last, step); UsageError for anything else."""
    try:
        if ":" not in text:
            return tuple(float(part) for part in text.split(",") if part.strip())
        first, last, step = (float(part) for part in text.split(":"))
        if step <= 0 or last < first:
            raise ValueError
        return tuple(round(first + number * step, 9) for number in range(int((last - first) / step + 1e-9) + 1))
    except ValueError as error:
        raise UsageError(f"--values {text}: neither a list nor first:last:step", fix="--values 1:3:0.25") from error


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read `5` (seeds 0 to 4) or `0,3,7`; UsageError for anything else."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--seeds {text}: neither a number nor a list of seeds", fix="--seeds 5") from error
    if len(seeds) == 1 and "," not in text:
        seeds = tuple(range(seeds[0]))
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise UsageError(f"--seeds {text}: at least one seed is wanted, none of them twice", fix="--seeds 5")
    return seeds


def _no_values(name: str, values: Sequence[float]) -> None:
    if values:
        raise UsageError(f"the study {name} has no --values", fix="leave --values out")
