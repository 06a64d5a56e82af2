"""What Windows and macOS would refuse, checked on Linux with stand-ins for their rules."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.media.addresses import is_address
from fercli.system.names import clash_key, portable_path

PHOTO = Path(__file__).parents[1] / "docs" / "images" / "astronaut.jpg"
OPEN_FILES = Path("/proc/self/fd")


@pytest.mark.parametrize(
    "name", [r"C:\x.mp4", "C:/x.mp4", "c:x.mp4", r"\\server\share\x.mp4", "//server/share/x.mp4", r"\\?\C:\x.mp4"]
)
def test_drive_letter_and_network_share__are_files_and_no_addresses(name: str):
    assert not is_address(name)


@pytest.mark.skipif(sys.platform == "win32", reason="the name is not one of Windows")
def test_predict__reads_a_file_with_the_name_of_a_windows_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PHOTO, r"C:\x.jpg")
    assert main(["predict", r"C:\x.jpg", "--json", "--out", "out"]) == ExitCode.DONE
    assert '"label": "happiness"' in capsys.readouterr().out
    assert (tmp_path / "out" / "C__x.jpg").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs long paths there")
def test_commands__read_and_write_paths_of_more_than_260_characters(tmp_path: Path):
    deep = Path(*["a folder with a long name"] * 11)
    photos = tmp_path / "photos" / deep
    photos.mkdir(parents=True)
    shutil.copy(PHOTO, photos / "a.jpg")
    assert len(str(photos / "a.jpg")) > 260
    results, parts, faces = (tmp_path / name / deep for name in ("results", "parts", "faces"))
    assert main(["predict", str(photos), "--out", str(results), "--report", str(results / "r.html")]) == ExitCode.DONE
    assert {"a.jpg", "predictions.csv", "r.html"} <= {path.name for path in results.iterdir()}
    assert main(["align", str(photos), str(faces)]) == ExitCode.DONE
    assert (faces / "a.jpg").is_file() or (faces / "a.png").is_file()
    pytest.importorskip("pyarrow")
    assert main(["predict", str(photos), "--out", str(parts), "--shard", "1/1"]) == ExitCode.DONE
    assert main(["merge", str(parts), "--save", str(parts / "all.csv")]) == ExitCode.DONE
    assert "happiness" in (parts / "all.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [["predict"], ["predict", str(PHOTO), "--save"]], ids=["source", "output"])
def test_path__that_is_too_long_for_windows__names_its_limit(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Where long paths are off, Windows reports a path of 260 characters as one that does not exist."""
    path = tmp_path / ("x" * (260 - len(str(tmp_path)) - 5) + ".csv")

    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified", str(self))

    monkeypatch.setattr("fercli.system.names._ON_WINDOWS", True)
    monkeypatch.setattr(Path, "replace", refuse)
    assert main([*command, str(path)]) in (ExitCode.DATA, ExitCode.REFUSED)
    said = capsys.readouterr().err
    assert "259 characters" in said
    assert "long paths" in said
    assert len(said.strip().splitlines()) == 2


@pytest.fixture
def windows_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what Windows refuses: to rename, replace or remove a file that this process has open, and names it does not know."""

    def check(path: Path, *, new: bool = False) -> None:
        if new and portable_path(Path(path.name)) != Path(path.name):
            raise OSError(errno.EINVAL, "invalid name on Windows", str(path))
        if path.suffix == ".lock":  # locks.py closes it first on Windows, and last elsewhere
            return
        for link in OPEN_FILES.iterdir():
            try:
                target = link.readlink()
            except OSError:  # closed meanwhile
                continue
            if target == path.resolve():
                raise PermissionError(errno.EACCES, "the file is open", str(path))

    def guarded(name: str, *, target: bool) -> None:
        usual: Any = getattr(Path, name)

        def method(self: Path, *arguments: Any, **values: Any) -> Any:
            check(self)
            if target:
                check(Path(arguments[0]), new=True)
            return usual(self, *arguments, **values)

        monkeypatch.setattr(Path, name, method)

    guarded("replace", target=True)
    guarded("rename", target=True)
    guarded("unlink", target=False)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs a list of the open files")
def test_stand_in__refuses_to_replace_an_open_file(tmp_path: Path, windows_files: None):
    (tmp_path / "a").write_text("", encoding="utf-8")
    with (tmp_path / "b").open("w", encoding="utf-8"), pytest.raises(PermissionError):
        (tmp_path / "a").replace(tmp_path / "b")
    with pytest.raises(OSError, match="invalid name"):
        (tmp_path / "a").replace(tmp_path / "what?")


@pytest.mark.slow
@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs a list of the open files")
def test_commands__replace_no_open_file(tmp_path: Path, windows_files: None, shorter_clip: Path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "A.JPG", "12:30?.jpg", "con.jpg"):
        shutil.copy(PHOTO, photos / name)
    shutil.copy(shorter_clip, photos / "clip.mp4")
    results, faces = tmp_path / "results", tmp_path / "faces"
    tables = [option for suffix in ("csv", "jsonl") for option in ("--save", str(tmp_path / f"rows.{suffix}"))]
    assert main(["predict", str(photos), "--out", str(results), *tables]) == ExitCode.DONE
    assert main(["predict", str(photos), "--out", str(results), *tables, "--overwrite"]) == ExitCode.DONE
    assert main(["align", str(photos), str(faces)]) == ExitCode.DONE
    assert main(["align", str(photos), str(faces)]) == ExitCode.DONE
    for folder in (results, faces):
        written = [path.relative_to(folder) for path in folder.rglob("*")]
        assert [path for path in written if portable_path(path) != path] == []
        assert len({clash_key(path) for path in written}) == len(written)
    copies = sorted(path.name for path in results.iterdir() if path.suffix.lower() == ".jpg")
    assert copies == ["12_30_.jpg", "A.JPG", "a-2.jpg", "con_.jpg"]


@pytest.fixture
def shorter_clip(tmp_path: Path) -> Path:
    import av
    import numpy as np
    from PIL import Image

    picture = np.asarray(Image.open(PHOTO).convert("RGB").resize((320, 240)))
    with av.open(str(tmp_path / "clip.mp4"), "w") as video:
        stream: Any = video.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(6):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        video.mux(stream.encode())
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_rows__of_both_line_endings_are_read(ending: str, tmp_path: Path):
    from fercli.rows.read import read_rows

    table = tmp_path / "rows.csv"
    assert main(["predict", str(PHOTO), "--save", str(table)]) == ExitCode.DONE
    lines = table.read_bytes().decode("utf-8").splitlines()
    table.write_bytes(ending.join([*lines, ""]).encode())
    [row] = read_rows(table).predictions()
    assert (row.label, row.status) == ("happiness", "ok")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_boxes__of_both_line_endings_are_read(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    boxes = tmp_path / "boxes.csv"
    boxes.write_bytes(ending.join(["source,left,top,right,bottom", f"{PHOTO.name},180,59,270,177", ""]).encode())
    assert main(["predict", str(PHOTO), "--boxes", str(boxes), "--json"]) == ExitCode.DONE
    assert '"label": "happiness"' in capsys.readouterr().out


@pytest.mark.slow
def test_reading_processes__that_are_spawned_as_on_windows_read_the_same(two_classes: Callable[..., Path]):
    pytest.importorskip("torch")
    import multiprocessing

    import torch

    from fercli.data.loader import CropReader, Crops, labels_of
    from fercli.data.open import open_dataset

    samples = open_dataset(str(two_classes(train=4, val=0, test=2))).split("train")
    crops = Crops(samples, labels_of(samples), 32)
    usual = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        spawned = CropReader(crops, device=torch.device("cpu"), workers=1)
        read = [batch for _ in range(2) for batch in spawned.read([[0, 1], [2, 3]])]
    finally:
        multiprocessing.set_start_method(usual, force=True)
    here = [*CropReader(crops, device=torch.device("cpu")).read([[0, 1], [2, 3]])] * 2
    assert len(read) == 4
    for (pixels, labels), (own_pixels, own_labels) in zip(read, here, strict=True):
        assert torch.equal(pixels, own_pixels)
        assert torch.equal(labels, own_labels)
