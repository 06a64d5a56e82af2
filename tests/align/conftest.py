"""`fer align` with its options as keywords, and a small tree of pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.align.align import AlignOptions, AlignResult
from fercli.align.align import align as align_folder
from fercli.media.images import write_image
from fercli.progress import Progress, silent


def _align(
    source: Path,
    target: Path | None = None,
    *,
    overwrite: bool = False,
    chunk_pictures: int = 256,
    progress: Progress = silent,
    **options: Any,
) -> AlignResult:
    """`fercli.align.align.align` with the options as keywords."""
    return align_folder(
        source,
        target,
        AlignOptions(**options),
        overwrite=overwrite,
        chunk_pictures=chunk_pictures,
        progress=progress,
    )


@pytest.fixture
def align() -> Callable[..., AlignResult]:
    """`fercli.align.align.align` with the options as keywords."""
    return _align


@pytest.fixture
def tree(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """Two pictures with the astronaut, one without a face, one that is no picture."""
    source = tmp_path / "in"
    write_image(source / "train" / "fear" / "one.png", astronaut[20:220, 120:330])
    write_image(source / "two.jpg", np.hstack([astronaut[20:220, 120:330], astronaut[20:220, 330:120:-1]]))
    write_image(source / "none.png", np.full((60, 90, 3), 90, np.uint8))
    (source / "text.jpg").write_text("hello")
    return source
