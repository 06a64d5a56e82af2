"""Jobs over many files: finished sources are kept, others are read again, no incomplete file remains."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from fercli.errors import DataError, RefusedError
from fercli.media.sources import Source, find_sources
from fercli.predict.job import Job
from fercli.results import Prediction

LABELS = ("neutral", "happiness")
SETTINGS = {"weights file": "a.onnx"}


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Three files."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    return find_sources([str(tmp_path / "in")])


def _job(folder: Path, sources: list[Source], *, settings: dict[str, str] = SETTINGS, **how: bool) -> Job:
    return Job(folder, sources, LABELS, settings, **how)


def _do(job: Job, sources: list[Source], *, note: str = "first", die_at: str | None = None) -> None:
    with job:
        for source in sources:
            job.add([Prediction(source.name, "no_face", detail=note)] * 2)
            if source.relative.name == die_at:
                raise KeyboardInterrupt
            job.end(source)


def _notes(folder: Path) -> list[tuple[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return [(Path(row["source"]).name, row["detail"]) for row in csv.DictReader(file)]


def test_job__continues_after_an_interruption(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        _do(_job(out, sources), sources, die_at="b.jpg")
    assert not (out / "predictions.csv").exists()
    with pytest.raises(RefusedError, match="interrupted job with 1 finished file"):
        _job(out, sources)
    again = _job(out, sources, resume=True)
    assert [again.is_finished(source) for source in sources] == [True, False, False]
    _do(again, sources[1:], note="second")
    assert _notes(out) == [
        *[("a.jpg", "first")] * 2,
        *[("b.jpg", "second")] * 2,
        *[("c.jpg", "second")] * 2,
    ]
    assert sorted(path.name for path in out.iterdir()) == [".job.jsonl", "predictions.csv"]


def test_job__that_is_finished_reads_new_and_changed_files(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _do(_job(out, sources[:2]), sources[:2])
    os.utime(sources[0].path, ns=(1, 1))
    again = _job(out, sources, resume=True)
    assert [again.is_finished(source) for source in sources] == [False, True, False]
    with again:
        assert [row.detail for row in again.rows_of(sources[1])] == ["first", "first"]
        for source in (sources[0], sources[2]):
            again.add([Prediction(source.name, "no_face", detail="second")])
            again.end(source)
    assert _notes(out) == [("a.jpg", "second"), *[("b.jpg", "first")] * 2, ("c.jpg", "second")]


def test_job__tries_again_what_could_not_be_read(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    with _job(out, sources) as job:
        job.add([Prediction(sources[0].name, "unreadable", detail="broken")])
        job.skip(sources[0])
        job.add([Prediction(sources[1].name, "no_face", detail="first")])
        job.end(sources[1], fault="breaks off")
    assert _notes(out) == [("a.jpg", "broken"), ("b.jpg", "first")]
    again = _job(out, sources, resume=True)
    assert [again.is_finished(source) for source in sources] == [False, True, False]
    assert again.fault_of(sources[1]) == "breaks off"
    with again:
        pass
    assert _notes(out) == [("b.jpg", "first")]


def test_job__refuses_other_settings_and_a_second_run(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _do(_job(out, sources), sources)
    with pytest.raises(RefusedError, match=r"weights file: a\.onnx, now b\.onnx"):
        _job(out, sources, settings={"weights file": "b.onnx"}, resume=True)
    with _job(out, sources, resume=True), pytest.raises(RefusedError, match="another run"):
        _job(out, sources, resume=True).__enter__()
    _do(_job(out, sources, settings={"weights file": "b.onnx"}, overwrite=True), sources, note="other")
    assert {note for _, note in _notes(out)} == {"other"}


def test_job__ignores_an_incomplete_line(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _do(_job(out, sources), sources)
    lines = (out / ".job.jsonl").read_text()
    (out / ".job.jsonl").write_text(lines[:-20])
    assert [_job(out, sources, resume=True).is_finished(source) for source in sources] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 200_000,
        "[]\n",
        '{"rows": "predictions.csv"}\n',
        '{"rows": "predictions.csv", "settings": {}}\n' + "[" * 200_000 + "\n",
        '{"rows": "predictions.csv", "settings": {}}\n{"key": "a", "size": 1, "modified_ns": 1, "rows": []}\n',
        '{"rows": "predictions.csv", "settings": {}}\n{"key": "a", "size": 1, "modified_ns": 1, "rows": [-9, 0]}\n',
        '{"rows": "../secret.csv", "settings": {}}\n',
        '{"rows": 5, "settings": {}}\n',
    ],
    ids=["cut", "deep", "list", "no settings", "deep line", "no rows", "negative", "outside", "number"],
)
def test_job__refuses_a_damaged_record(text: str, tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _do(_job(out, sources), sources)
    (out / ".job.jsonl").write_text(text)
    with pytest.raises(DataError, match="could not read"):
        _job(out, sources, resume=True)


def test_job__without_a_finished_source_leaves_no_file(tmp_path: Path, sources: list[Source]):
    with pytest.raises(KeyboardInterrupt):
        _do(_job(tmp_path / "out", sources), sources, die_at="a.jpg")
    assert list((tmp_path / "out").iterdir()) == []


def test_job__removes_incomplete_files_of_a_killed_run(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub" / ".clip.0123abcd.part.mp4").touch()
    (out / "sub" / ".hidden").touch()
    _do(_job(out, sources), sources)
    assert [path.name for path in (out / "sub").iterdir()] == [".hidden"]


def test_job__keeps_the_rows_of_a_removed_input_and_names_it(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    _do(_job(out, sources), sources)
    again = _job(out, sources[1:], resume=True)
    assert [source.name for source in again.removed] == [str(sources[0].path)]
    with again:
        assert [row.detail for row in again.rows_of(again.removed[0])] == ["first", "first"]
    assert [name for name, _ in _notes(out)] == ["b.jpg"] * 2 + ["c.jpg"] * 2 + ["a.jpg"] * 2


def test_job__that_another_run_finished_meanwhile__is_refused(tmp_path: Path, sources: list[Source]):
    out = tmp_path / "out"
    late = _job(out, sources)
    _do(_job(out, sources), sources)
    with pytest.raises(RefusedError, match="meanwhile"):
        late.__enter__()
    assert len(_notes(out)) == 6


def test_job__interrupted_and_resumed__has_the_bytes_of_an_unbroken_one(tmp_path: Path, sources: list[Source]):
    _do(_job(tmp_path / "whole", sources), sources)
    with pytest.raises(KeyboardInterrupt):
        _do(_job(tmp_path / "out", sources), [sources[2], sources[0]], die_at="a.jpg")
    _do(_job(tmp_path / "out", sources, resume=True), sources[:2])
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == (tmp_path / "whole" / "predictions.csv").read_bytes()
    assert _job(tmp_path / "out", sources, resume=True).is_finished(sources[2])
