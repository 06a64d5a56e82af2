"""Each figure on a random small network: files, shapes, that the numbers are the network's, and what is refused."""

from __future__ import annotations

import pytest

from fercli.errors import DataError, RefusedError, UsageError
from fercli.explain.probabilities import Probabilities


def test_visualize__unknown_images_and_existing_folders_are_refused(draw, make_run, three_classes, tmp_path):
    run = make_run("run")
    with pytest.raises(DataError, match=r"no labelled test image .* nobody\.png"):
        draw(Probabilities(), [run], three_classes, tmp_path / "out", images=["nobody.png"])
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError, match="already"):
        draw(Probabilities(), [run], three_classes, tmp_path / "out")
    with pytest.raises(UsageError, match="2 names for 1 network"):
        draw(Probabilities(), [run], three_classes, tmp_path / "other", names=("a", "b"))
