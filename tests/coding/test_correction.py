"""Shares corrected for a confusion matrix, by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from fercli.coding.code import code_tables, write_coding
from fercli.coding.correction import CorrectedShares, Correction, adjusted_shares, corrected_shares, corrected_texts
from fercli.coding.recordings import recordings
from fercli.errors import UsageError
from fercli.rows.run_record import RunRecord, read_settings

# of 10 neutral images 8 are right and 2 happiness; of 10 happy ones all are right; of 10 sad ones 5 are neutral
COUNTS = np.array([[8, 2, 0], [0, 10, 0], [5, 0, 5]])


def correction_of(classes: tuple[str, ...], **facts: object) -> Correction:
    return Correction(classes, COUNTS, "toy 1 on the val split of toys (30 images)", "toy, version 1", **facts)  # type: ignore[arg-type]


def test_adjusted_shares__of_two_classes_is_formans_adjusted_count():
    # recall of the first class 0.9, false positives 0.2: (0.55 - 0.2) / (0.9 - 0.2) = 0.5
    rates = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert adjusted_shares(np.array([0.55, 0.45]), rates).tolist() == pytest.approx([0.5, 0.5], abs=1e-5)


def test_adjusted_shares__inverts_three_classes():
    # true shares 0.5, 0.3, 0.2 are predicted as 0.5 * 0.8 + 0.2 * 0.5 = 0.5 neutral, 0.5 * 0.2 + 0.3 = 0.4, 0.2 * 0.5 = 0.1
    assert adjusted_shares(np.array([0.5, 0.4, 0.1]), COUNTS).tolist() == pytest.approx([0.5, 0.3, 0.2], abs=1e-5)


def test_adjusted_shares__stay_on_the_simplex():
    # only 0.1 of the first class is predicted, fewer than the false positives of 0.2: its adjusted count is negative
    shares = adjusted_shares(np.array([0.1, 0.9]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert shares.tolist() == pytest.approx([0, 1], abs=1e-9)


def test_corrected_shares__of_a_person(rows_of, classes):
    # uncertain faces count with their most probable class: 5 neutral, 4 happy, 1 sad as above
    (recording,) = recordings(rows_of("nnnNNhhhHs"), classes)
    found = corrected_shares(recording, recording.tracks, correction_of(classes))
    assert found is not None
    assert found.shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=1e-5)
    assert found.low is None  # one block of 10 s tells nothing about the spread


def test_corrected_shares__have_the_order_of_the_rows(rows_of, classes):
    (recording,) = recordings(rows_of("nnnnnhhhhs"), classes)
    turned = Correction(classes[::-1], COUNTS[::-1, ::-1], "toy", "toy, version 1")
    found = corrected_shares(recording, recording.tracks, turned)
    assert found is not None
    assert found.shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=1e-5)


def test_corrected_shares__interval_holds_the_value_and_shrinks_with_images(rows_of, classes):
    (recording,) = recordings(rows_of("nnnnnhhhhs" * 6, fps=1), classes)  # six equal blocks of 10 s
    few = corrected_shares(recording, recording.tracks, correction_of(classes))
    many = corrected_shares(recording, recording.tracks, Correction(classes, 100 * COUNTS, "", "toy, version 1"))
    assert few is not None
    assert many is not None
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert (few.low <= few.shares).all()
    assert (few.shares <= few.high).all()
    assert (many.high - many.low).tolist() == pytest.approx(((few.high - few.low) / 10).tolist(), rel=0.4)


def test_corrected_shares__without_anybody(rows_of, classes):
    (recording,) = recordings(rows_of("...."), classes)
    assert corrected_shares(recording, recording.tracks, correction_of(classes)) is None


def test_corrected_texts__with_and_without_an_interval():
    shares = np.array([0.5, 0.3, 0.2])
    assert corrected_texts(CorrectedShares(shares, None, None)) == ["50", "30", "20"]
    assert corrected_texts(CorrectedShares(shares, shares - 0.1, shares + 0.1))[0] == "50 (40 to 60)"


def test_correction__refuses_rows_of_other_weights_settings_and_baselines(classes):
    correction = correction_of(classes, settings={"class shares": None})
    correction.check(RunRecord(weights="toy, version 1", settings={"tracking": "on"}))
    correction.check(RunRecord())  # a table of an earlier version
    with pytest.raises(UsageError, match="is of toy, version 1, the rows are of toy, version 2"):
        correction.check(RunRecord(weights="toy, version 2"))
    with pytest.raises(UsageError, match="class shares of the confusion matrix: off; of the rows: uniform"):
        correction.check(RunRecord(weights="toy, version 1", settings={"class shares": "uniform"}))
    with pytest.raises(UsageError, match="baseline"):
        correction.check(RunRecord(weights="toy, version 1", settings={"baseline": "0:00-0:10"}))


def test_write_coding__has_corrected_columns_and_their_source(rows_of, table_of, classes, tmp_path: Path):
    table_of(*rows_of("nnnnnhhhhs"))
    write_coding(tmp_path, correction=correction_of(classes))
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8") as file:
        person, _ = csv.DictReader(file)
    assert (person["share_neutral"], float(person["corrected_happiness"])) == ("0.5", pytest.approx(0.3, abs=1e-5))
    assert person["corrected_low_happiness"] == ""
    settings = read_settings(tmp_path / "summary.csv").settings
    assert settings["shares corrected by the confusion matrix of"] == "toy 1 on the val split of toys (30 images)"
    write_coding(tmp_path)
    assert "corrected" not in (tmp_path / "summary.csv").read_text(encoding="utf-8")


def test_code_tables__checks_every_table(rows_of, table_of, classes):
    table = table_of(*rows_of("nnh"))
    other = Correction(classes, COUNTS, "other 2", "other, version 2")
    with pytest.raises(UsageError, match="is of other, version 2"):
        code_tables([table], confusion=lambda _: other)
