"""Shards of `fer align`: merged, they are the folder of one run."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.align.shards import RECORDS
from fercli.cli.main import main
from fercli.data.align_files import finished_alignment
from fercli.errors import DataError, ExitCode

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos with two names that become one, and a broken one."""
    folder = tmp_path / "photos"
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/twice.JPG", "b/twice.jpg", "c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PHOTO, folder / name)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def shard(photos: Path, tmp_path: Path) -> Callable[..., int]:
    """Run one shard into the folder `faces`."""

    def run(number: str, *options: str) -> int:
        return main(["align", str(photos), str(tmp_path / "faces"), "--size", "48", "--shard", number, *options])

    return run


def crops(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() == ".jpg"
    }


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "align.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_merged_shards__are_the_crops_and_the_record_of_one_run(
    photos: Path, shard: Callable[..., int], tmp_path: Path
):
    assert main(["align", str(photos), str(tmp_path / "one"), "--size", "48"]) == ExitCode.DONE
    for number in ("3/3", "1/3", "2/3"):
        assert shard(number) == ExitCode.DONE
    with pytest.raises(DataError, match="fer merge"):
        raise_if_unfinished(tmp_path / "faces")
    assert main(["merge", str(tmp_path / "faces")]) == ExitCode.DONE
    assert crops(tmp_path / "faces") == crops(tmp_path / "one")
    assert len(crops(tmp_path / "one")) == 6
    assert rows(tmp_path / "faces") == rows(tmp_path / "one")
    assert finished_alignment(tmp_path / "faces") == finished_alignment(tmp_path / "one")
    assert (tmp_path / "faces" / "contact-sheet.html").is_file()


def raise_if_unfinished(folder: Path) -> None:
    try:
        finished_alignment(folder)
    except DataError as error:
        raise DataError(f"{error.message} {error.fix}", fix="") from error


def test_merge__lists_what_is_missing_and_leaves_the_folder_incomplete(
    photos: Path, shard: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shard("1/2")
    shutil.copy(PHOTO, photos / "new.jpg")
    capsys.readouterr()
    command = ["merge", str(tmp_path / "faces"), "--json"]
    assert main(command) == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert found["missing_shards"] == [2]
    done = {row["source"] for row in rows(tmp_path / "faces")}
    everything = {path.relative_to(photos).as_posix() for path in photos.rglob("*") if path.is_file()}
    assert done
    assert set(found["missing"]) == everything - done
    assert main([*command, "--strict"]) == ExitCode.REFUSED
    with pytest.raises(DataError, match="interrupted"):
        finished_alignment(tmp_path / "faces")
    shard("1/2")
    shard("2/2")
    assert main([*command]) == ExitCode.DONE
    assert finished_alignment(tmp_path / "faces") is not None


def test_shard__that_runs_again_keeps_finished_crops_and_incomplete_ones_of_others(
    shard: Callable[..., int], tmp_path: Path
):
    shard("1/1")
    faces = tmp_path / "faces"
    times = {path: path.stat().st_mtime_ns for path in faces.rglob("*.jpg")}
    (faces / "c.jpg").unlink()
    other = faces / ".d.0123abcd.part.jpg"
    other.touch()
    assert shard("1/1") == ExitCode.DONE
    assert other.exists(), "another shard may be writing it"
    again = {path: path.stat().st_mtime_ns for path in faces.rglob("*.jpg") if path != other}
    assert [path.name for path in times if again[path] != times[path]] == ["c.jpg"]
    main(["merge", str(faces)])
    assert not other.exists()


def test_shards__with_other_settings_or_numbers_are_refused(shard: Callable[..., int], tmp_path: Path):
    shard("1/2")
    assert shard("2/2", "--margin", "0.1") == ExitCode.REFUSED
    assert shard("2/2", "--margin", "0.1", "--overwrite") == ExitCode.DONE
    assert main(["merge", str(tmp_path / "faces")]) == ExitCode.DATA
    shutil.rmtree(tmp_path / "faces" / RECORDS / "2-of-2")
    assert shard("1/3", "--overwrite") == ExitCode.DONE
    assert main(["merge", str(tmp_path / "faces")]) == ExitCode.DATA


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "[]", '{"source": 1}'], ids=["deep", "cut", "list", "number"])
def test_merge__refuses_a_damaged_record_of_the_source(
    text: str, shard: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shard("1/2")
    (record,) = tmp_path.rglob("source.json")
    record.write_text(text)
    assert main(["merge", str(record.parents[1])]) == ExitCode.DATA
    assert "source.json is damaged" in capsys.readouterr().err


def test_merge__takes_a_deleted_crop_for_missing_until_its_shard_has_run_again(
    shard: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for number in ("1/2", "2/2"):
        shard(number)
    faces = tmp_path / "faces"
    (faces / "c.jpg").unlink()
    capsys.readouterr()
    assert main(["merge", str(faces), "--json", "--strict"]) == ExitCode.REFUSED
    assert json.loads(capsys.readouterr().out)["missing"] == ["c.jpg"]
    assert "c.jpg" not in {row["source"] for row in rows(faces)}
    for number in ("1/2", "2/2"):
        shard(number)
    capsys.readouterr()
    assert main(["merge", str(faces), "--json"]) == ExitCode.DONE
    assert (faces / "c.jpg").is_file()
    assert json.loads(capsys.readouterr().out)["missing"] == []


def test_shard__with_a_damaged_record_says_what_to_remove(
    shard: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shard("1/1")
    faces = tmp_path / "faces"
    record = faces / RECORDS / "1-of-1"
    (record / "align.json").write_text('{"format": 1, ', encoding="utf-8")
    for attempt in (lambda: main(["merge", str(faces)]), lambda: shard("1/1")):
        capsys.readouterr()
        assert attempt() == ExitCode.DATA
        assert f"fix: remove {record}, and run its shard again" in capsys.readouterr().err
    shutil.rmtree(record)
    assert shard("1/1") == ExitCode.DONE
    assert main(["merge", str(faces)]) == ExitCode.DONE
    assert len(crops(faces)) == 6


def test_shard__is_not_written_into_other_files(shard: Callable[..., int], tmp_path: Path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "mine.txt").touch()
    assert shard("1/2") == ExitCode.REFUSED
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["mine.txt"]


def test_merge__of_crops_has_no_table(shard: Callable[..., int], tmp_path: Path):
    shard("1/1")
    assert main(["merge", str(tmp_path / "faces"), "--save", str(tmp_path / "t.csv")]) == ExitCode.USAGE
