"""How weights were chosen, as a card says it for programs, or an earlier one only in words."""

from __future__ import annotations

import pytest

from fercli.evaluate.evaluate import evaluate
from fercli.evaluate.scores import Score, selection_code, selection_text


@pytest.mark.parametrize("code", ["last", "val-best", "test-best"])
def test_selection_code__is_that_of_the_card(code):
    assert selection_code({"selection": code, "selected_by": "anything"}) == code


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("nothing: the last epoch", "last"),
        ("last epoch (no selection)", "last"),
        ("overall accuracy on the validation split, best of 9 epochs", "val-best"),
        ("overall accuracy on 10% of train, held out, best of 20 epochs", "val-best"),
        ("overall accuracy on the test split itself, best of 200 epochs", "test-best"),
        ("somebody else's choice", None),
    ],
)
def test_selection_code__of_earlier_cards_is_read_from_their_sentence(sentence, code):
    assert selection_code({"selected_by": sentence}) == code


def test_selection_code__is_none_without_a_known_protocol_in_the_card():
    assert selection_code({}) is None
    assert selection_code({"selection": "by hand"}) is None


def test_selection_text__of_the_last_epoch_is_no_selection():
    assert selection_text("last", "nothing: the last epoch") == "last epoch (no selection)"
    assert selection_text("val-best", "overall accuracy") == "selected by overall accuracy"
    assert selection_text(None, None) is None


def test_score__refuses_figures_that_do_not_add_up(use, folder):
    use("fear", "anger")
    values = vars(evaluate("toy", str(folder)).score)
    with pytest.raises(ValueError, match="do not add up"):
        Score(**values | {"confusion": ((1, 0), (0, 1))})
    with pytest.raises(ValueError, match="order of the labels"):
        Score(**values | {"class_accuracy": {"anger": 0.5, "fear": 0.75}})
