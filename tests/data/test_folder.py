"""train|val|valid|test/CLASS/*: names in a stated order, numbers never guessed."""

from __future__ import annotations

import pytest

from fercli.config.labels import schema
from fercli.data.folder import open_folder
from fercli.errors import DataError


def test_open_folder__reads_splits_and_puts_classes_in_the_papers_order(tree):
    root = tree("train/Happy/b.png", "train/Happy/a.JPG", "train/angry/c.png", "valid/neutral/d.png", "test/zest/e.png")
    dataset = open_folder(root)
    assert dataset.labels == ("neutral", "happiness", "anger", "zest")
    assert dataset.schema == "folder"
    assert [(s.path.name, s.label) for s in dataset.split("train")] == [("a.JPG", 1), ("b.png", 1), ("c.png", 2)]
    assert [s.label for s in dataset.split("val") + dataset.split("test")] == [0, 3]
    assert dataset.crop is None


def test_open_folder__one_split_is_enough(tree):
    dataset = open_folder(tree("train/fear/a.png"))
    assert len(dataset.split("train")) == 1
    assert dataset.split("val") == dataset.split("test") == ()


def test_open_folder__ignores_hidden_files_empty_classes_and_other_files(tree):
    root = tree("test/fear/a.png", "test/fear/.b.png", "test/.cache/c.png")
    (root / "test" / "disgust").mkdir()
    (root / "test" / "fear" / "notes.txt").write_text("no picture")
    dataset = open_folder(root)
    assert dataset.labels == ("fear",)
    assert len(dataset.samples) == 1


def test_open_folder__spellings_of_one_class_are_one_class(tree):
    dataset = open_folder(tree("train/happy/a.png", "test/Happiness/b.png"))
    assert dataset.labels == ("happiness",)


@pytest.mark.parametrize("paths", [("a.png",), ("happy/a.png",), ("train/a.png",)])
def test_open_folder__without_splits_or_classes_reports_the_layout(tree, paths):
    with pytest.raises(DataError) as caught:
        open_folder(tree(*paths))
    assert "train/CLASS/*.png" in (caught.value.fix or "")


def test_open_folder__does_not_choose_between_two_validation_splits(tree):
    with pytest.raises(DataError, match="both val and valid"):
        open_folder(tree("val/fear/a.png", "valid/fear/a.png"))


def test_open_folder__refuses_numbers_without_the_data_sets_name(tree):
    with pytest.raises(DataError, match="is a number") as caught:
        open_folder(tree("train/1/a.png"))
    assert "rafdb" in (caught.value.fix or "")


@pytest.mark.parametrize(("name", "code", "meaning"), [("rafdb", "1", "surprise"), ("affectnet8", "1", "happiness")])
def test_open_folder__reads_numbers_as_the_official_codes(tree, name, code, meaning):
    dataset = open_folder(tree(f"train/{code}/a.png"), labels=schema(name))
    assert dataset.labels == schema(name).names
    assert dataset.labels[dataset.samples[0].label] == meaning


def test_open_folder__affectnet7_omits_contempt(tree):
    dataset = open_folder(tree("val/6/a.png", "val/7/b.png"), labels=schema("affectnet7"))
    assert [s.path.name for s in dataset.samples] == ["a.png"]


def test_open_folder__refuses_classes_the_data_set_does_not_have(tree):
    with pytest.raises(DataError, match="'8' is not a class of rafdb"):
        open_folder(tree("train/8/a.png"), labels=schema("rafdb"))


@pytest.mark.parametrize(
    ("folder", "meant"),
    [
        ("sadd", "sad"), ("suprise", "surprise"), ("Hapiness", "happiness"), ("neutal", "neutral"), ("angery", "angry"),
        ("discust", "disgust"), ("fearfull", "fearful"), ("contemt", "contempt"), ("1_fear", "fear"), ("happy2", "happy"),
        ("anger_", "anger"), ("surprised ", None), ("boredom", None), ("pain", None), ("confused", None),
        ("happily surprised", None), ("none", None), ("awe", None),
    ],
)  # fmt: skip
def test_open_folder__asks_for_a_misspelled_class(tree, folder: str, meant: str | None):
    root = tree(f"train/{folder}/a.png", "train/neutral/b.png", f"test/{folder}/c.png")
    if meant is None:
        assert len(open_folder(root).labels) == 2
        return
    with pytest.raises(DataError, match=f"did you mean {meant}") as caught:
        open_folder(root)
    assert repr(folder) in caught.value.message
    assert "classes.txt" in caught.value.fix
    (root / "classes.txt").write_text(f"{folder}\nneutral\n")
    assert folder.strip().lower() in open_folder(root).labels, "listed names are meant as they are"


def test_open_folder__suggests_the_nearest_class_of_a_known_data_set(tree):
    with pytest.raises(DataError, match=r"'supprise' is not a class of rafdb \(did you mean surprise\?\)"):
        open_folder(tree("train/supprise/a.png"), labels=schema("rafdb"))
