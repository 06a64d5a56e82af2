"""Checkpoints of other projects, kept under a name."""

from __future__ import annotations

import pytest

from fercli.errors import UsageError
from fercli.weights.files import find_weights
from fercli.weights.import_weights import import_weights
from fercli.weights.verify import verify


def test_import_weights__keeps_a_checkpoint_under_a_name(foreign, tmp_path, cache):
    source = foreign.save(tmp_path / "net.pth.tar", foreign.random_state(foreign.mobilefacenet()))
    report = import_weights(source, "my-landmarks")
    assert report.out == find_weights("my-landmarks", (".safetensors",))
    assert {"my-landmarks": "ok"}.items() <= {result.name: result.status for result in verify()}.items()


@pytest.mark.parametrize("name", ["../x", "A B", "", "fer-compact", "poster-v2-rafdb", "bundle-ir50"])
def test_import_weights__refuses_names_that_are_taken_or_invalid(tmp_path, cache, name):
    with pytest.raises(UsageError):
        import_weights(tmp_path / "net.pth", name)
