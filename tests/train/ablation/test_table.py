"""The table of a study: cells and notes."""

from __future__ import annotations

from pathlib import Path

from fercli.evaluate.seed_scores import SeedScore
from fercli.train.ablation.studies import build_study
from fercli.train.ablation.table import RowResult, format_published, write_markdown
from fercli.train.seed_statistics import PairedDifference

BASELINE = RowResult("VIT", (), {"rafdb": 92.14}, True, SeedScore(3, 0.8, 0.01), SeedScore(3, 0.7, 0.02), None, None)
DIFFERENCE = PairedDifference(3, -0.015, (-0.03, 0.0), 0.0004, 0.02)
OTHER = RowResult(
    "VIT + BT", ("loss.cba=0",), {}, False, SeedScore(3, 0.785, 0.01), SeedScore(3, 0.7, 0.0), DIFFERENCE, 0.04
)


def test_format_published__names_the_data_set_and_is_empty_without_a_number():
    assert format_published({"affectnet7": 67.6, "affectnet8": 64.29}) == "67.60 (AffectNet-7), 64.29 (AffectNet-8)"
    assert format_published({}) == ""


def test_to_csv_row__is_in_percent_and_empty_where_nothing_applies():
    row = OTHER.to_csv_row()
    assert (row["accuracy"], row["accuracy_sd"], row["difference"], row["difference_low"]) == (
        "78.50",
        "1.00",
        "-1.50",
        "-3.00",
    )
    assert (row["p"], row["p_holm"], row["resolvable"], row["seeds"]) == ("< 0.001", "0.040", "2.00", 3)
    assert {BASELINE.to_csv_row()[name] for name in ("difference", "difference_low", "p", "p_holm", "resolvable")} == {
        None
    }


def test_write_markdown__shows_the_difference_with_its_interval_and_power(tmp_path: Path):
    write_markdown(
        tmp_path / "table.md", build_study("losses"), (BASELINE, OTHER), protocol="Three seeds.", paper="BTN"
    )
    text = (tmp_path / "table.md").read_text()
    assert "| VIT + BT | - | 78.50 ± 1.00 | 70.00 ± 0.00 | -1.50 (-3.00 to +0.00) | < 0.001 | 0.040 |" in text
    assert "a true difference of 2.00 to 2.00 points is detected with a power of 80 %" in text
