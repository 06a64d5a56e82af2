"""The analysis of docs/analysis.md: the numbers on the page are those that the example computes."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
LONDON = DOCS / "examples" / "london"


def has_r() -> bool:
    command = ["Rscript", "-e", "library(lme4); library(jsonlite)"]
    return (
        shutil.which("Rscript") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="module")
def example() -> dict:
    return runpy.run_path(str(DOCS / "examples" / "mixed_model.py"))


@pytest.fixture(scope="module")
def data(example: dict):
    return example["read_data"](LONDON / "predictions.csv", LONDON / "people.csv")


def page() -> str:
    return (DOCS / "analysis.md").read_text(encoding="utf-8")


def blocks(language: str) -> str:
    """The code of the page in one language, as one script."""
    found = re.findall(rf"```{language}\n(.*?)```", page(), re.DOTALL)
    return "\n".join(found).replace("docs/examples/london", LONDON.as_posix())


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results: Anna in two videos with 10 of 40 and 30 of 60 s of happiness, and a track with 6 of 20 s."""
    (tmp_path / "results").mkdir()
    head = "source,level,track,person,in_view_s,uncertain_s,seconds_happiness,episodes_happiness\n"
    rows = "in/a.mp4,person,1,Anna,40,4,10,2\nin/b.mp4,person,2 3,Anna,60,1,30,3\nin/b.mp4,track,1,,20,2,6,1\n"
    video = "in/b.mp4,video,,,80,3,36,4\n"
    (tmp_path / "results" / "summary.csv").write_text(head + rows + video, encoding="utf-8")
    (tmp_path / "conditions.csv").write_text("video,condition\na.mp4,talk\nb.mp4,talk\n", encoding="utf-8")
    (tmp_path / "results" / "predictions.csv").write_text("source,status\nin/a.mp4,ok\n", encoding="utf-8")
    settings = '{"weights": "w", "uncertain_below": 0.5}'
    (tmp_path / "results" / "predictions.csv.settings.json").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


SHARES = (0.4, 0.3)  # Anna's 40 of 100 s, and 6 of 20 s


def test_page__its_python_code_runs(results: Path):
    namespace: dict = {"print": lambda *_: None}
    code = f"import numpy as np, statsmodels.formula.api as smf\n{blocks('python')}"
    exec(
        compile(code.partition("docs/examples/london")[0].rpartition("\nrows = ")[0], "analysis.md", "exec"), namespace
    )
    assert sorted(namespace["data"]["share_happiness"]) == pytest.approx(sorted(SHARES))
    assert sorted(namespace["data"]["smiles_per_minute"]) == pytest.approx([3.0, 3.0])


def test_page__its_r_code_gives_the_same(results: Path):
    if not has_r():
        pytest.skip("R with lme4 and jsonlite is not installed")
    (results / "page.R").write_text(blocks("r"), encoding="utf-8")
    output = subprocess.run(["Rscript", "page.R"], capture_output=True, text=True, check=True).stdout
    shown = re.search(r"talk\s+(\S+)\s+(\S+)\s+(\S+)", output)
    assert shown is not None
    assert [float(text) for text in shown.groups()] == pytest.approx([0.35, np.std(SHARES, ddof=1), 2])
    for term, estimate in re.findall(
        r"^\| (smiling : male|intercept|smiling|male)[^|]* \| (\S+) \|", page(), re.MULTILINE
    ):
        name = {"intercept": r"\(Intercept\)", "smiling": "conditionsmiling", "male": "gendermale"}.get(
            term, "conditionsmiling:gendermale"
        )
        row = re.search(rf"^{name} +(-?[\d.]+)", output, re.MULTILINE)
        assert row is not None, output
        assert float(row.group(1)) == pytest.approx(float(estimate), abs=0.0051)


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
