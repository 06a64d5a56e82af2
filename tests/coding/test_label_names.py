"""Labels of coders that are not expressions: what stands for what is said by the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.coding.agree import agree
from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder
from fercli.coding.label_names import read_mapping
from fercli.coding.pairing import PairingOptions
from fercli.errors import DataError, UsageError


def coder(name: str, *labels: str, program: bool = False) -> Coder:
    coding = VideoAnnotations("a.mp4", {"1": tuple(Annotation(label, at, at + 1) for at, label in enumerate(labels))})
    return Coder(name, {"a": CodedByOne(coding, coding)}, ("neutral", "happiness", "sadness") if program else None)


MACHINE = coder("results", "neutral", "happiness", program=True)


def test_labels__without_any_expression_are_an_error_with_the_options_to_add():
    with pytest.raises(DataError) as error:
        agree([coder("anna", "Freude", "lacht laut"), MACHINE], PairingOptions())
    assert error.value.message == "anna: no label is an expression of the others: freude (1.0 s), lacht laut (1.0 s)"
    assert '--map freude=happiness --map "lacht laut=EXPRESSION"' in (error.value.fix or "")


def test_labels__are_mapped_to_expressions_only():
    with pytest.raises(UsageError, match="--map hapiness: no such expression"):
        agree([coder("anna", "smile", "neutral"), MACHINE], PairingOptions(names={"smile": "hapiness"}))
    with pytest.raises(UsageError, match="--gaps calmness: no such expression"):
        agree([coder("anna", "neutral"), MACHINE], PairingOptions(gaps="calmness"))
    result = agree([coder("anna", "neutral", "sadness"), MACHINE], PairingOptions(names={"smlie": "happiness"}))
    assert result.warnings == ("--map: no coding has the label smlie",)


def test_labels__of_two_people_all_count():
    # what only one of them uses is a disagreement, not missing
    result = agree([coder("anna", "neutral", "disgust"), coder("ben", "neutral", "anger")], PairingOptions())
    assert (result.classes, result.pairs[0].agreement.value) == (("neutral", "disgust", "anger"), 0.5)
    assert result.warnings == ()
    result = agree([coder("anna", "neutral", "smirk"), coder("ben", "neutral", "neutral")], PairingOptions())
    assert result.warnings == ("only anna uses smirk (1.0 s): if another label means the same, --map LABEL=EXPRESSION",)


def test_read_mapping__of_a_spreadsheet(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_bytes("label;expression\r\nÜberraschung;Surprised\r\n".encode("cp1252"))
    assert read_mapping(path)["überraschung"] == "surprise"
    path.write_text("Label;Expression\nFreude;happy\n", encoding="utf-8")
    assert read_mapping(path)["freude"] == "happiness"
    path.write_text("label,expression\nx,\n")
    with pytest.raises(DataError, match=r"labels\.csv, line 2"):
        read_mapping(path)
