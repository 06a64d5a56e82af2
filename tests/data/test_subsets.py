"""Published lists in each of their spellings, and what gives a wrong list away."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.config.labels import schema
from fercli.data.dataset import Dataset, Sample
from fercli.data.subsets import parse_line, read_subset
from fercli.errors import DataError


@pytest.mark.parametrize(
    ("line", "name", "code"),
    [
        ("1_fer0034656.png 8 0", "fer0034656", 1),  # FERPlus, occlusion: the 8 and 0 are no class
        ("4/fer0032228.jpg", "fer0032228", 4),
        ("test_0003_aligned 3 4", "test_0003_aligned", 3),
        ("0/test_0004_aligned.jpg", "test_0004_aligned", 0),
        ("val/5/bc9ad400db82eca1882b11c9/", "bc9ad400db82eca1882b11c9", 5),
        ("0/83dac9d7eec7fb0bfef79b4d35ddc69a.jpg", "83dac9d7eec7fb0bfef79b4d35ddc69a", 0),
        ("7/3c028208c27c0be5fbe6a52738bebcbf/8.jpg", "3c028208c27c0be5fbe6a52738bebcbf", 7),
        ("any/where/picture.png", "picture", None),
        ("picture", "picture", None),
    ],
)  # fmt: skip
def test_lines__give_name_and_class(line, name, code):
    assert parse_line(line) == (name, code)


def dataset(labels: dict[str, int], name: str = "ferplus") -> Dataset:
    samples = tuple(Sample(Path(f"{stem}.png"), "test", label) for stem, label in labels.items())
    return Dataset(name, name, schema(name).names, samples, Path())


def test_read_subset__finds_images_by_name_in_the_samples_order(tmp_path):
    data = dataset({"fer0000001": 0, "fer0000002": 1, "fer0000003": 3})
    (tmp_path / "pose.txt").write_bytes(b"3/fer0000003.jpg\r\n0/fer0000001.jpg\r\n2/fer0000009.jpg")
    subset = read_subset(tmp_path / "pose.txt", data, data.samples)
    assert (subset.name, subset.listed, subset.indices) == ("pose", 3, (0, 2))
    assert (subset.with_code, subset.matching) == (2, 2)


def test_read_subset__refuses_a_list_whose_classes_contradict_the_labels(tmp_path):
    # as where files are numbered by row: every name is there, and means another image
    data = dataset({f"fer000000{number}": 0 for number in range(5)})
    (tmp_path / "list.txt").write_text("".join(f"{number}/fer000000{number}.jpg\n" for number in range(5)))
    with pytest.raises(DataError, match="match the labels of only 1 of the 5"):
        read_subset(tmp_path / "list.txt", data, data.samples)
    other = Dataset("mine", "folder", data.labels, data.samples, Path())  # another order of classes says nothing
    assert read_subset(tmp_path / "list.txt", other, other.samples).with_code == 0


@pytest.mark.parametrize("stem", ["test_0003", "test_0003_aligned"])  # RAF-DB's photos, and its crops of them
@pytest.mark.parametrize("listed", ["test_0003", "test_0003_aligned"])
def test_read_subset__takes_a_photo_and_its_crop_for_the_same_image(stem, listed, tmp_path):
    data = dataset({"test_0001": 0, stem: 3}, "rafdb")
    (tmp_path / "list.txt").write_text(f"{listed} 3 4\ntest_0009_aligned 3 4\n")
    subset = read_subset(tmp_path / "list.txt", data, data.samples)
    assert (subset.indices, subset.listed, subset.with_code, subset.matching) == ((1,), 2, 1, 1)


def test_read_subset__prefers_the_very_name_where_both_are_there(tmp_path):
    data = dataset({"a": 0, "a_aligned": 1, "b_aligned": 2, "b": 3})
    (tmp_path / "list.txt").write_text("a_aligned.png\nb.png\n")
    assert read_subset(tmp_path / "list.txt", data, data.samples).indices == (1, 3)


def test_read_subset__lists_names_that_are_repeated(tmp_path):
    data = dataset({"a": 0, "b": 1})
    (tmp_path / "list.txt").write_text("a.png\nb.png\na.jpg\n")
    subset = read_subset(tmp_path / "list.txt", data, data.samples)
    assert (subset.listed, subset.indices, subset.repeated) == (2, (0, 1), ("a",))


@pytest.mark.parametrize(("text", "message"), [("", "names no image"), ("elsewhere.png\n", "none of its 1 images")])
def test_read_subset__refuses_a_file_without_names(text, message, tmp_path):
    data = dataset({"fer0000001": 0})
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_subset(tmp_path / "list.txt", data, data.samples)
    with pytest.raises(DataError, match="cannot be read"):
        read_subset(tmp_path / "nowhere.txt", data, data.samples)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "count"),
    [("ferplus_occlusion", 605), ("ferplus_pose30", 1170), ("rafdb_occlusion", 734), ("rafdb_pose30", 1247),
     ("affectnet_occlusion", 683), ("affectnet_pose30", 1944)],
)  # fmt: skip
def test_published_lists__are_read_whole(name, count, shared):
    lines = (shared / f"data/lists/{name}.txt").read_text().split("\n")
    names = {parse_line(line)[0] for line in lines if line.strip()}
    assert len(names) == count  # distinct: RAF-DB's occlusion list names one image twice, AffectNet's pose30 five
