"""The time of fer predict in a fresh process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fercli.bench.start import bench_start
from fercli.errors import RefusedError
from fercli.media.images import write_image


@pytest.mark.slow
def test_bench_start__times_whole_processes(astronaut: np.ndarray, tmp_path: Path):
    write_image(tmp_path / "a.png", astronaut)
    result = bench_start(tmp_path / "a.png", rounds=2)
    middle, lowest, highest = result.seconds
    assert 0.2 < lowest <= middle <= highest  # Python alone takes a tenth of a second
    assert result.processor_s is not None
    assert result.processor_s > 0.2


def test_bench_start__reports_why_predict_failed(tmp_path: Path):
    with pytest.raises(RefusedError, match=r"nope\.png.*no such file"):
        bench_start(tmp_path / "nope.png", rounds=1)
