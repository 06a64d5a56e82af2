"""Checkpoints of other projects, kept under a name."""

from __future__ import annotations

import hashlib

import pytest

from fercli.errors import UsageError, WeightsError
from fercli.weights.files import load_part
from fercli.weights.find import find_weights
from fercli.weights.import_weights import import_weights
from fercli.weights.pull import pull
from fercli.weights.receipts import read_receipt
from fercli.weights.verify import verify


def test_import_weights__keeps_a_checkpoint_under_a_name(foreign, tmp_path, cache):
    source = foreign.save(tmp_path / "net.pth.tar", foreign.random_state(foreign.mobilefacenet()))
    report = import_weights(source, "my-landmarks")
    assert report.out == find_weights("my-landmarks", (".safetensors",))
    assert {"my-landmarks": "ok"}.items() <= {result.name: result.status for result in verify()}.items()


@pytest.mark.parametrize("name", ["../x", "A B", "", "fer-compact", "poster-bundle", "bundle-ir50"])
def test_import_weights__refuses_names_that_are_taken_or_invalid(tmp_path, cache, name):
    with pytest.raises(UsageError):
        import_weights(tmp_path / "net.pth", name)


def test_import_weights__takes_the_users_copy_under_the_name_that_docs_use(foreign, tmp_path, cache):
    name = "mobilefacenet"
    source = foreign.save(tmp_path / "my copy.pth.tar", foreign.random_state(foreign.mobilefacenet()))
    report = import_weights(source, name)
    assert report.out == find_weights(name, (".safetensors",))
    receipt = read_receipt(name)
    assert (receipt.location, receipt.sha256) == ("by hand", hashlib.sha256(source.read_bytes()).hexdigest())
    assert {name: "ok"}.items() <= {result.name: result.status for result in verify()}.items()
    assert pull(name, offline=True).fresh is False, "nothing is downloaded again"
    provenance = load_part(report.out)[1].provenance
    assert receipt.sha256 in str(provenance)


def test_import_weights__refuses_another_network_under_a_public_name(foreign, tmp_path, cache):
    source = foreign.save(tmp_path / "net.pth.tar", foreign.random_state(foreign.mobilefacenet()))
    with pytest.raises(WeightsError):
        import_weights(source, "ir50")
    assert read_receipt("ir50") is None
    with pytest.raises(WeightsError, match="there is no file"):
        import_weights(tmp_path / "missing.pth", "ir50")
