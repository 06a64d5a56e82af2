"""A torch program that runs without this package."""

import subprocess
import sys

import numpy as np
import pytest

from fercli.errors import UsageError
from fercli.export.program import export_program, open_program
from fercli.weights.classifier import load_classifier
from fercli.weights.files import read_card


@pytest.mark.slow
def test_export_program__runs_without_this_package_at_any_batch(weights, tmp_path):
    report = export_program(weights, tmp_path / "tiny.pt2")
    assert report.parity.max_difference < 1e-4
    code = (
        "import sys, torch; extra = {'card': ''};"
        f"run = torch.export.load({str(report.out)!r}, extra_files=extra).module();"
        "print(tuple(run(torch.zeros(5, 3, 48, 48)).shape), 'ferplus' in extra['card'], 'fercli' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert printed.stdout.split("\n")[0] == "(5, 8) True False"
    logits_of, card = open_program(report.out)
    crops = np.full((3, 48, 48, 3), 90, np.uint8)
    np.testing.assert_allclose(logits_of(crops), load_classifier(weights).logits(crops), atol=1e-4)
    assert card == read_card(weights)
    with pytest.raises(UsageError, match=r"must end in \.pt2"):
        export_program(weights, tmp_path / "tiny.pt")
