"""Scores of a faked classifier on small folders: classes by name, copies apart, files that can be read again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.errors import RefusedError
from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.evaluate.results import CopiesInTrain


def test_evaluate__scores_by_hand(use, folder):
    use("fear", "anger")
    result = evaluate("toy", str(folder))
    assert result.score.images == 6
    assert result.score.accuracy == pytest.approx(4 / 6)
    assert result.score.mean_accuracy == pytest.approx((0.75 + 0.5) / 2)
    assert result.score.class_accuracy == {"fear": 0.75, "anger": 0.5}
    assert result.score.confusion == ((3, 1), (1, 1))
    assert result.score.macro_f1 == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert result.after.ece == pytest.approx(0.7 - 4 / 6, abs=1e-6)
    assert (result.before.temperature, result.after.temperature) == (1.0, 1.5)
    assert result.score.class_interval["anger"] == pytest.approx((0.0945, 0.9055), abs=1e-4)  # Wilson for 1 of 2
    assert result.copies == CopiesInTrain(
        None, "Whether the images were trained on is unknown: data has no train split to search"
    )
    assert result.warnings == ()
    assert result.score.accuracy_interval == pytest.approx((0.3000, 0.9032), abs=1e-4)  # Wilson 1927 for 4 of 6


def test_evaluate__matches_classes_by_name_not_number(picture, use, tmp_path):
    # RAF-DB's own numbers put surprise first; the model has it third and a class the data does not have
    picture(tmp_path / "test/1/a.png", seen=2)
    picture(tmp_path / "test/6/b.png", seen=1)
    picture(tmp_path / "test/7/c.png", seen=3)
    names = ("neutral", "anger", "surprise", "contempt", "fear", "disgust", "happiness", "sadness")
    use(*names)
    result = evaluate("toy", "rafdb", folder=tmp_path)
    # BTN, Table 4
    assert result.labels == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
    assert result.score.class_accuracy["surprise"] == result.score.class_accuracy["anger"] == 1.0
    assert result.score.class_accuracy["neutral"] == 0.0
    assert result.score.class_accuracy["contempt"] is None
    assert result.score.confusion[0][7] == 1


def test_evaluate__scores_again_without_copies_of_training_images(use, prepared):
    use("fear", "anger")
    result = evaluate("toy", str(prepared))
    assert (result.score.images, result.score.accuracy) == (3, pytest.approx(2 / 3))
    assert result.copies is not None
    assert result.copies.message == "1 of the 3 images occurs in train too (marked by the data set)"
    assert result.copies.score_without is not None
    assert (result.copies.score_without.images, result.copies.score_without.accuracy) == (2, 0.5)
    assert result.fingerprint == "f"


def test_evaluate__finds_copies_by_pixels_where_a_data_set_marks_none(picture, use, folder):
    fake = use("fear", "anger")
    for number in range(3):
        picture(folder / f"train/fear/other{number}.png", 0, number=number + 1)
    picture(folder / "train/anger/same-as-fear-d.bmp", 1)  # fear/d and anger/f show this, as files of another format
    (folder / "train/anger/broken.png").write_text("not a picture")
    copies = evaluate("toy", str(folder)).copies
    assert copies is not None
    assert copies.count == 2
    assert copies.message == (
        "2 of the 6 images occur in train too (compared with the pixels of its 4 images; could not read 1 more)"
    )
    # left are fear seen as fear, fear, fear and anger seen as fear
    assert copies.score_without is not None
    assert (copies.score_without.images, copies.score_without.accuracy) == (4, 0.75)
    assert fake.batches == [6]


@pytest.mark.parametrize(
    ("seen", "count", "message"),
    [((0, 1), 6, "6 of the 6 images occur"), ((5,), 0, "None of the 6 images occurs")],
)
def test_evaluate__has_no_separate_score_if_all_or_no_images_are_copies(picture, use, folder, seen, count, message):
    use("fear", "anger")
    for grey in seen:
        picture(folder / f"train/fear/{grey}.png", grey)
    copies = evaluate("toy", str(folder)).copies
    assert copies is not None
    assert (copies.count, copies.score_without) == (count, None)
    assert copies.message.startswith(message)


def test_evaluate__does_not_search_for_copies_in_train_itself_or_with_no_copies(picture, use, folder):
    use("fear", "anger")
    picture(folder / "train/fear/a.png", 0)
    assert evaluate("toy", str(folder), EvaluateOptions(split="train")).copies is None
    copies = evaluate("toy", str(folder), EvaluateOptions(find_copies=False)).copies
    assert copies is not None
    assert copies.count is None
    assert "--no-copies" in copies.message


def test_evaluate__states_the_selection_protocol_of_the_weights(use, folder):
    fake = use("fear", "anger")
    assert evaluate("toy", str(folder)).selection is None
    fake.card = replace(
        fake.card, scores={"selection": "test-best", "selected_by": "overall accuracy on the test split"}
    )
    result = evaluate("toy", str(folder))
    assert (result.selection, result.selected_by) == ("test-best", "overall accuracy on the test split")


def test_evaluate__refuses_an_output_before_it_works(use, folder, tmp_path):
    fake = use("fear", "anger")
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError):
        evaluate("toy", str(folder), out=tmp_path / "out")
    assert fake.batches == []


def test_evaluate__scores_the_images_of_a_list(use, folder, tmp_path):
    use("fear", "anger")
    (tmp_path / "hard.txt").write_text("fear/d.png\nanger/e.png\nnowhere.png\nfear/d.png\n")
    result = evaluate("toy", str(folder), EvaluateOptions(subsets=[tmp_path / "hard.txt"]))
    (subset,) = result.subsets
    assert (subset.name, subset.listed, subset.score.images, subset.score.accuracy) == ("hard", 3, 2, 0.0)
    assert subset.repeated == 1
    assert result.warnings == ("the list hard names 1 image more than once (d): each is scored once",)
