"""Archives: regular files under their bare names, and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from fercli.errors import WeightsError
from fercli.weights.archive import unpack


def archive(path: Path, *names: str, odd: tarfile.TarInfo | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
        if odd is not None:
            tar.addfile(odd)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_unpack__writes_files_under_their_bare_names(tmp_path):
    path = archive(tmp_path / "a.tar", "fer/models/ir50.pth", "fer/rafdb.pth", "fer/._rafdb.pth")
    assert [file.name for file in unpack(path, tmp_path / "out")] == ["ir50.pth", "rafdb.pth"]
    assert (tmp_path / "out" / "ir50.pth").read_bytes() == b"fer/models/ir50.pth"
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ({"names": ["fine.pth", "../evil.pth"]}, "paths outside the archive"),
        ({"names": ["/tmp/evil.pth"]}, "paths outside the archive"),
        ({"names": ["a/../../evil.pth"]}, "paths outside the archive"),
        ({"names": ["fine.pth"], "odd": link("a.pth", "/etc/passwd")}, "links or devices"),
        ({"names": ["fine.pth"], "odd": link("b.pth", "fine.pth", tarfile.LNKTYPE)}, "links or devices"),
        ({"names": ["fine.pth"], "odd": link("pipe", "", tarfile.FIFOTYPE)}, "links or devices"),
        ({"names": ["a/net.pth", "b/net.pth"]}, "one name twice"),
    ],
)
def test_unpack__refuses_the_whole_archive(tmp_path, path, what):
    with pytest.raises(WeightsError, match=what):
        list(unpack(archive(tmp_path / "a.tar", *path["names"], odd=path.get("odd")), tmp_path / "out"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar"]


def test_unpack__refuses_what_would_fill_the_disk(tmp_path):
    with pytest.raises(WeightsError, match="unpacks to more than"):
        list(unpack(archive(tmp_path / "a.tar", "longer-than-ten.pth"), tmp_path / "out", max_bytes=10))


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08broken"])
def test_unpack__refuses_what_is_none(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(WeightsError, match="broken or not a tar archive"):
        list(unpack(tmp_path / "a.tar", tmp_path / "out"))
