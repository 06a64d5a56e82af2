"""Receipts of pulled weights."""

from __future__ import annotations

import pytest

from fercli.errors import WeightsError
from fercli.weights.receipts import Receipt, read_receipt, write_receipt

RECEIPT = Receipt(
    name="net",
    location="https://example.org/net.pth",
    file="net.pth",
    sha256="1" * 64,
    bytes=9,
    pulled="2026-01-01T00:00:00+00:00",
    outputs={"net": "2" * 64},
    first_use={"https://example.org/net.pth": "1" * 64},
)


def test_receipt__is_read_as_it_was_written(cache):
    assert read_receipt("net") is None
    (cache / "receipts").mkdir(parents=True)
    write_receipt(RECEIPT)
    assert read_receipt("net") == RECEIPT


@pytest.mark.parametrize("text", ["", "{}", '{"name": "net", "mirror": 1}'])
def test_read_receipt__refuses_a_broken_file(cache, text):
    (cache / "receipts").mkdir(parents=True)
    (cache / "receipts" / "net.json").write_text(text)
    with pytest.raises(WeightsError, match=r"net\.json") as caught:
        read_receipt("net")
    assert "delete" in (caught.value.fix or "")
