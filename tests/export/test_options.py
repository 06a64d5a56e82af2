"""Options of an export."""

import pytest

from fercli.errors import UsageError
from fercli.export.options import ExportOptions


def test_export_options__int8_needs_faces(tmp_path):
    assert ExportOptions(precision="int8", faces=tmp_path).precision == "int8"
    with pytest.raises(UsageError, match="calibrated on real face crops"):
        ExportOptions(precision="int8")


@pytest.mark.parametrize(
    ("interface", "opset", "fix"),
    [("images", 17, "--opset 18 to 23"), ("images", 24, "--opset 18 to 23"), ("crops", 19, "--opset 20 to 23")],
)
def test_export_options__refuse_an_opset_out_of_range(interface, opset, fix):
    with pytest.raises(UsageError, match=f"opset {opset} cannot be exported with the input {interface}") as caught:
        ExportOptions(interface=interface, opset=opset)
    assert caught.value.fix == fix
