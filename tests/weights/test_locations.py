"""URLs of the locations in the registry; opening them is tested with downloads."""

from __future__ import annotations

from fercli.weights.locations import url_of


def test_url_of__is_the_url_for_a_browser():
    assert url_of("gdrive:ID7") == "https://drive.google.com/uc?export=download&id=ID7"
    assert (
        url_of("hf:py-feat/mobilefacenet/a/b.pth")
        == "https://huggingface.co/py-feat/mobilefacenet/resolve/main/a/b.pth"
    )
    assert url_of("https://www.dropbox.com/s/1/fer.tar?dl=1") == "https://www.dropbox.com/s/1/fer.tar?dl=1"
