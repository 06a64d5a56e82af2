"""The analysis of docs/analysis.md: the numbers on the page are those that the example computes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LONDON = DOCS / "examples" / "london"


@pytest.fixture(scope="module")
def example() -> dict:
    return runpy.run_path(str(DOCS / "examples" / "mixed_model.py"))


@pytest.fixture(scope="module")
def data(example: dict):
    return example["read_data"](LONDON / "predictions.csv", LONDON / "people.csv")


def page() -> str:
    return (DOCS / "analysis.md").read_text(encoding="utf-8")


def test_mixed_model__has_the_estimates_of_the_page(example: dict, data):
    fit = example["fit"](data)
    low, high = fit.conf_int()[0], fit.conf_int()[1]
    for term, name in (
        ("Intercept", r"intercept \(female, neutral\)"),
        ("condition[T.smiling]", "smiling"),
        ("gender[T.male]", "male"),
        ("condition[T.smiling]:gender[T.male]", "smiling : male"),
    ):
        match = re.search(rf"^\| {name} \| (\S+) \| (\S+) to (\S+) \|$", page(), re.MULTILINE)
        assert match is not None, name
        values = [float(text) for text in match.groups()]
        assert values == pytest.approx([fit.params[term], low[term], high[term]], abs=0.0051)


def test_table__has_the_means_of_the_page(example: dict, data):
    table = example["table"](data)
    assert len(data) == 204
    for gender in ("female", "male"):
        row = re.search(rf"^\| {gender} \| (\S+) \((\S+)\) \| (\S+) \((\S+)\) \| (\d+) \|$", page(), re.MULTILINE)
        assert row is not None
        neutral, smiling = table.loc[(gender, "neutral")], table.loc[(gender, "smiling")]
        expected = [neutral["mean"], neutral["std"], smiling["mean"], smiling["std"], neutral["count"]]
        assert [float(text) for text in row.groups()] == pytest.approx(expected)


def test_page__shows_the_code_of_the_example():
    block = re.search(r"```python\n(rows = pd\.read_csv\(\"docs/examples.*?)```", page(), re.DOTALL)
    assert block is not None
    code = f"import numpy as np, pandas as pd, statsmodels.formula.api as smf\n{block.group(1)}"
    namespace: dict = {"print": lambda _: None}
    exec(compile(code.replace("docs/examples/london", str(LONDON)), "analysis.md", "exec"), namespace)
    assert len(namespace["data"]) == 204
