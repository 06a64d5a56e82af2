"""Options of an export."""

import pytest

from fercli.errors import UsageError
from fercli.export.options import ExportOptions


def test_export_options__int8_needs_faces(tmp_path):
    assert ExportOptions(precision="int8", faces=tmp_path).precision == "int8"
    with pytest.raises(UsageError, match="calibrated on real face crops"):
        ExportOptions(precision="int8")
