import pytest

from fercli.config.labels import PAPER_ORDER, SCHEMAS, LabelSchema, canonical, schema
from fercli.errors import UsageError

# Orders as the official files and papers state them.
PUBLISHED = {
    # RAF-DB's list_patition_label.txt counts from 1
    "rafdb": {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"},
    "affectnet7": dict(enumerate(["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"])),
    "affectnet8": dict(
        enumerate(["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"])
    ),
    "fer2013": dict(enumerate(["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"])),
    # columns of fer2013new.csv
    "ferplus": dict(enumerate(["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"])),
    # last column of label.lst
    "expw": dict(enumerate(["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"])),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_schema__has_the_official_order_and_codes(name: str):
    labels = schema(name)
    assert dict(zip(map(int, labels.codes), labels.names, strict=True)) == PUBLISHED[name]


def test_schema__of_caer_s_is_its_folders_sorted_by_name():
    folders = ["Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]
    assert schema("caer-s").names == tuple(canonical(folder) for folder in folders)


def test_paper_order__is_the_column_order_of_table_4():
    columns = ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt"]
    assert tuple(canonical(column) for column in columns) == PAPER_ORDER


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema__names_the_seven_or_eight_basic_expressions(name: str):
    names = set(SCHEMAS[name].names)
    assert names in ({*PAPER_ORDER}, {*PAPER_ORDER} - {"contempt"})


@pytest.mark.parametrize(("spelling", "word"), [("Happy", "happiness"), (" SAD ", "sadness"), ("sleepy", "sleepy")])
def test_canonical__maps_common_spellings_and_keeps_the_rest(spelling: str, word: str):
    assert canonical(spelling) == word


def test_index__finds_a_class_in_any_spelling():
    assert schema("rafdb").index("Angry") == 5


def test_index__of_an_absent_class_lists_the_present_ones():
    with pytest.raises(UsageError, match="'contempt' is not a class of rafdb") as caught:
        schema("rafdb").index("contempt")
    assert "surprise, fear, disgust" in (caught.value.fix or "")


def test_schema__unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="unknown label schema 'affectnet'") as caught:
        schema("affectnet")
    assert "affectnet7, affectnet8" in (caught.value.fix or "")


@pytest.mark.parametrize(("names", "codes"), [(("fear", "fear"), ("0", "1")), (("fear", "anger"), ("0",))])
def test_label_schema__refuses_duplicate_names_and_missing_codes(names: tuple[str, ...], codes: tuple[str, ...]):
    with pytest.raises(ValueError, match="distinct"):
        LabelSchema("broken", names, codes)
