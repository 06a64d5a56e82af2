"""Shards: every source is in one of them, finished parts stay, and the merged table is that of one process."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli import __version__
from fercli.cli.main import main
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import DataError, ExitCode, UsageError
from fercli.media.sources import find_sources
from fercli.predict.parts import PartsFolder, read_parts, shard_sources
from fercli.system.shards import Shard
from fercli.weights.card import WeightsCard

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"
pytest.importorskip("pyarrow")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos in two folders, one of them broken; two have the same content."""
    folder = tmp_path / "photos"
    for number in range(5):
        path = folder / str(number % 2) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PHOTO, path)
    (folder / "0" / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def run(photos: Path, tmp_path: Path) -> Callable[..., int]:
    """Run shard `index` of `count` into the folder `parts`."""

    def shard(index: int, count: int, *options: str) -> int:
        return main(["predict", str(photos), "--out", str(tmp_path / "parts"), "--shard", f"{index}/{count}", *options])

    return shard


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: (row["source"], row["face"]))


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "1/0", "a/b", "-1/4", "1.0/4"])
def test_shard__refuses_what_is_no_part_of_a_whole(text: str):
    with pytest.raises(UsageError, match="not a part"):
        Shard.parse(text)


def test_shards__have_every_source_once_wherever_the_folder_is(photos: Path, tmp_path: Path):
    shutil.copytree(photos, tmp_path / "copy")
    every = find_sources([str(photos)])
    shards = [shard_sources(Shard(index, 4), every) for index in range(1, 5)]
    assert sorted(source.name for shard in shards for source in shard) == sorted(source.name for source in every)
    moved = [shard_sources(Shard(index, 4), find_sources([str(tmp_path / "copy")])) for index in range(1, 5)]
    assert [[s.relative for s in shard] for shard in moved] == [[s.relative for s in shard] for shard in shards]


def test_shards__have_no_cameras():
    with pytest.raises(UsageError, match="cameras"):
        shard_sources(Shard(1, 2), find_sources(["0"]))


def test_merged_parts__are_the_rows_of_one_process(photos: Path, run: Callable[..., int], tmp_path: Path):
    assert main(["predict", str(photos), "--save", str(tmp_path / "one.csv")]) == ExitCode.DONE
    for index in (1, 2, 3):
        run(index, 3)
    assert main(["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv")]) == ExitCode.DONE
    readable = [row for row in rows(tmp_path / "one.csv") if row["status"] != "unreadable"]
    assert rows(tmp_path / "merged.csv") == readable
    assert len(readable) == 5
    found = read_parts(tmp_path / "parts")
    assert (len(found.parts), found.missing, found.missing_shards) == (5, (), ())
    [(source, detail)] = found.failed
    assert source.endswith("broken.jpg")
    assert detail


def test_shard__that_runs_again_reads_only_what_is_missing(run: Callable[..., int], tmp_path: Path):
    run(1, 1)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*.parquet")}
    removed = min(parts)
    removed.unlink()
    assert len(read_parts(tmp_path / "parts").missing) == 1
    run(1, 1)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*.parquet")}
    assert {*again} == {*parts}
    assert [path for path in parts if again[path] != parts[path]] == [removed]
    assert not list((tmp_path / "parts").rglob("*.part*"))


def test_shard__with_other_settings_writes_other_parts(run: Callable[..., int], tmp_path: Path):
    run(1, 1)
    run(1, 1, "--min-reliable", "10")
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 10
    assert len(read_parts(tmp_path / "parts").parts) == 5, "the inventory names those of the last run"


def test_shard__with_unreadable_files_only_is_done_and_names_them(
    photos: Path, run: Callable[..., int], tmp_path: Path
):
    for path in photos.rglob("[1-4].jpg"):
        path.write_bytes(b"")
    for index in (1, 2, 3, 4):
        assert run(index, 4) == ExitCode.DONE
        assert run(index, 4) == ExitCode.DONE, "as often as it is started"
    found = read_parts(tmp_path / "parts")
    assert (len(found.parts), len(found.failed), found.missing, found.missing_shards) == (1, 5, (), ())


def test_parts__of_a_file_that_vanished_leaves_the_others(photos: Path, tmp_path: Path):
    # a file without permission, or removed after the folder was listed, ended the whole shard
    sources = find_sources([str(photos)])
    sources[0].path.unlink()
    card = WeightsCard(
        name="test", version="1", labels=("neutral", "anger"), schema="two", crop=template("arcface"),
        model=model_preset("btn-tiny"),
    )  # fmt: skip
    assert PartsFolder(tmp_path / "parts", sources, card, {}).todo == sources


def test_shard__of_files_that_are_all_unreadable_is_an_error(photos: Path, run: Callable[..., int]):
    shutil.rmtree(photos)
    assert run(1, 2) == ExitCode.DATA


def test_merged_rows__have_the_names_of_the_last_run_wherever_the_folder_is(
    photos: Path, run: Callable[..., int], tmp_path: Path
):
    run(1, 1)
    moved = tmp_path / "other mount"
    photos.rename(moved)
    assert main(["predict", str(moved), "--out", str(tmp_path / "parts"), "--shard", "1/1"]) == ExitCode.DONE
    assert main(["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv")]) == ExitCode.DONE
    assert {row["source"] for row in rows(tmp_path / "merged.csv")} == {
        str(moved / name) for name in ("0/0.jpg", "0/2.jpg", "0/4.jpg", "1/1.jpg", "1/3.jpg")
    }


def test_merge__of_another_number_of_shards_says_what_to_remove(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(1, 2)
    run(1, 1)
    merge = ["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv")]
    assert main(merge) == ExitCode.DATA
    assert "shard-*-of-2.json" in capsys.readouterr().err
    (tmp_path / "parts" / "shard-1-of-2.json").unlink()
    assert main(merge) == ExitCode.DONE


def test_merge__says_which_shards_did_not_begin(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(2, 3)
    command = ["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv"), "--json"]
    capsys.readouterr()
    assert main(command) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["missing_shards"] == [1, 3]
    assert main([*command, "--overwrite", "--strict"]) == ExitCode.REFUSED


def test_merge__refuses_shards_that_do_not_belong_together(run: Callable[..., int], tmp_path: Path):
    run(1, 2)
    run(2, 2, "--min-reliable", "10")
    with pytest.raises(DataError, match="settings"):
        read_parts(tmp_path / "parts")


def test_merge__says_which_shards_differ_and_how(
    run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run(1, 2)
    run(2, 2, "--min-reliable", "10")
    with pytest.raises(DataError, match=r"shards 1/2 and 2/2 .*: minimum reliable face size 20.* and 10"):
        read_parts(tmp_path / "parts")
    monkeypatch.setattr("fercli.predict.parts.__version__", "0.1.9")
    run(2, 2)
    with pytest.raises(DataError, match=rf"shards 1/2 and 2/2 .*: fer {re.escape(__version__)} and 0\.1\.9$"):
        read_parts(tmp_path / "parts")


@pytest.mark.parametrize("length", [0, 4, 500], ids=["empty", "first bytes", "half"])
def test_part__that_was_cut_off__is_not_finished_and_read_again(
    length: int, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """As after a failure of a network drive, which renames files before it has them."""
    run(1, 1)
    part = min((tmp_path / "parts").rglob("*.parquet"))
    whole = part.read_bytes()
    part.write_bytes(whole[:length])
    [missing] = read_parts(tmp_path / "parts").missing
    assert main(["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv")]) == ExitCode.DONE
    assert f"not finished: {missing}" in capsys.readouterr().err
    run(1, 1)
    assert len(part.read_bytes()) == len(whole)
    assert read_parts(tmp_path / "parts").missing == ()


def test_merge__of_a_part_that_is_damaged_inside__says_that_it_must_be_removed(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(1, 1)
    part = max((tmp_path / "parts").rglob("*.parquet"))
    content = part.read_bytes()
    part.write_bytes(content[:8] + bytes(len(content) - 16) + content[-8:])
    assert main(["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "merged.csv")]) == ExitCode.DATA
    said = capsys.readouterr().err
    assert part.name in said
    assert "fix: remove it and run its shard again" in said
    assert not (tmp_path / "merged.csv").exists()


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{", "[]", '{"shard": 1, "shards": 1}'], ids=["deep", "cut", "list", "incomplete"]
)
def test_merge__refuses_a_damaged_inventory(text: str, tmp_path: Path):
    (tmp_path / "shard-1-of-1.json").write_text(text)
    with pytest.raises(DataError, match=r"shard-1-of-1\.json is damaged"):
        read_parts(tmp_path)


def test_merge__refuses_a_damaged_failure(tmp_path: Path):
    inventory = {"shard": 1, "shards": 1, "settings": "a", "labels": ["b"]}
    inventory["sources"] = [{"source": "a.jpg", "part": "a.parquet"}]
    (tmp_path / "shard-1-of-1.json").write_text(json.dumps(inventory))
    (tmp_path / "a.failed.json").write_text("[" * 200_000)
    with pytest.raises(DataError, match=r"a\.failed\.json is damaged"):
        read_parts(tmp_path)


def test_merge__refuses_a_folder_without_parts(tmp_path: Path):
    with pytest.raises(DataError, match="no parts"):
        read_parts(tmp_path)


@pytest.mark.parametrize("options", [["--overwrite"], ["--resume"]])
def test_shard__needs_no_option_to_continue(run: Callable[..., int], options: list[str]):
    assert run(1, 2, *options) == ExitCode.USAGE


def test_shard__needs_a_folder():
    assert main(["predict", str(PHOTO), "--shard", "1/2"]) == ExitCode.USAGE


@pytest.mark.slow
def test_slurm_script__of_the_page_runs_as_an_array(photos: Path, tmp_path: Path):
    """A stand-in for sbatch runs the script once for each number of its array."""
    import os
    import subprocess
    import sys

    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    script = re.findall(r"^```bash\n(#!/bin/bash\n.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    first, last = (int(number) for number in re.findall(r"--array=(\d+)-(\d+)", script)[0])
    script = script.replace("/shared/fer/.venv/bin/fer", f"{sys.executable} -m fercli")
    script = script.replace("/shared/videos", str(photos)).replace("/shared/parts", str(tmp_path / "parts"))
    assert (first, last) == (1, 40)
    for number in (1, 2, 3):  # of three, as starting a process 40 times takes a minute
        slurm = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_CPUS_PER_TASK": "1"}
        subprocess.run(["bash", "-c", script], env={**os.environ, **slurm}, capture_output=True, check=False)
    found = read_parts(tmp_path / "parts")
    assert (len(found.parts), len(found.failed), found.missing, found.missing_shards) == (5, 1, (), ())


def test_merge__into_a_folder_writes_the_table_and_a_page_that_lists_what_is_missing(
    run: Callable[..., int], tmp_path: Path
):
    run(1, 1)
    min((tmp_path / "parts").rglob("*.parquet")).unlink()
    out = tmp_path / "results"
    command = ["merge", str(tmp_path / "parts"), "--out", str(out)]
    assert main(command) == ExitCode.DONE
    assert {path.name for path in out.iterdir()} == {"predictions.csv", "predictions.csv.settings.json", "index.html"}
    page = (out / "index.html").read_text(encoding="utf-8")
    [missing] = read_parts(tmp_path / "parts").missing
    assert len(rows(out / "predictions.csv")) == 4
    assert Path(missing).name in page
    assert "broken.jpg" in page
    assert "happiness" in page
    assert main(command) == ExitCode.REFUSED
    assert main([*command, "--overwrite"]) == ExitCode.DONE


def test_merge__into_a_folder_has_the_summary_of_videos_as_one_run_has_it(tmp_path: Path, smiling_clip: Path):
    parts, out, one = tmp_path / "parts", tmp_path / "merged", tmp_path / "one"
    assert main(["predict", str(smiling_clip), "--out", str(parts), "--shard", "1/1"]) == ExitCode.DONE
    assert main(["merge", str(parts), "--out", str(out)]) == ExitCode.DONE
    assert main(["predict", str(smiling_clip), "--out", str(one)]) == ExitCode.DONE
    for name in ("predictions.csv", "summary.csv", "events.csv"):
        assert (out / name).read_text(encoding="utf-8") == (one / name).read_text(encoding="utf-8")
    assert "Time per expression" in (out / "index.html").read_text(encoding="utf-8")


def test_merge__needs_an_output(run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run(1, 1)
    assert main(["merge", str(tmp_path / "parts")]) == ExitCode.USAGE
    assert "--out DIR" in capsys.readouterr().err


@pytest.fixture
def smiling_clip(tmp_path: Path) -> Path:
    """Twelve frames of a photo at 12 frames per second."""
    import numpy as np
    from PIL import Image

    from fercli.media.video_writer import VideoWriter

    with Image.open(PHOTO) as opened:
        picture = np.asarray(opened.convert("RGB").resize((256, 256)))
    path = tmp_path / "clip.mp4"
    writer = VideoWriter(path)
    for number in range(12):
        writer.write(picture, number / 12)
    writer.close()
    return path


def test_slurm_script__for_ray_is_read_by_a_shell():
    import subprocess

    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    _, script = re.findall(r"^```bash\n(#!/bin/bash\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert "RAY_USAGE_STATS_ENABLED=0" in script
    assert script.count("ray start") == 2
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    subprocess.run([bash, "-n"], input=script, text=True, encoding="utf-8", check=True)


def test_merge__says_how_many_parts_belong_to_another_list(
    photos: Path, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(1, 1) == 0
    shutil.rmtree(photos / "1")
    assert run(1, 1) == 0
    capsys.readouterr()
    assert main(["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "all.csv"), "--json"]) == 0
    captured = capsys.readouterr()
    assert (json.loads(captured.out)["sources"], json.loads(captured.out)["left_out"]) == (3, 2)
    assert "2 parts in" in captured.err
    assert "left out" in captured.err


def test_merge__warns_of_shards_that_had_different_lists_of_sources(
    photos: Path, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(1, 2)
    shutil.copy(PHOTO, photos / "added.jpg")
    run(2, 2)
    capsys.readouterr()
    merge = ["merge", str(tmp_path / "parts"), "--save", str(tmp_path / "all.csv"), "--overwrite", "--json"]
    assert main([*merge, "--strict"]) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert json.loads(captured.out)["lists"] == [["1/2", 6], ["2/2", 7]]
    assert "shards had different lists of sources (shard 1/2: 6, shard 2/2: 7)" in captured.err
    run(1, 2)
    capsys.readouterr()
    assert main(merge) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["lists"] == []
    assert "different lists" not in captured.err
