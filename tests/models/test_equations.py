"""Every citation of an equation of the BTN paper, in code and docs, against a table of the paper's equations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# "Batch Transformer: Look for Attention in Batch" (Her, Jeong, Song, Han, 2024): what each equation defines.
EQUATIONS = {
    1: "F_MLA",  # cross-attention of S3 with the halved F_LA
    2: "F_LA",  # cross-attention of S2 with the halved S1
    3: "CBA",
    4: "o_n",  # the output of class batch attention for class n
    5: "CBA",
    6: "P_BT",  # P_CBA + P_VIT
    7: "P_CBA",  # class batch attention of the encoded E, values P_VIT
    8: "E",  # convolution of F_MLA, flattened
    9: "L",
}
_PATTERNS = {
    "F_MLA": r"F_MLA",
    "F_LA": r"F_LA",
    "CBA": r"(?<![A-Za-z_])CBA|[Cc]lass batch attention",
    "o_n": r"\bo_n\b",
    "P_BT": r"P_BT",
    "P_CBA": r"P_CBA",
    "E": r"\bE\b(?!q\.)",
    "L": r"\bL\b|\b[Ll]oss\b",
}
_CITATION = re.compile(
    r"(?P<source>BTN|POSTER\+\+|[A-Z]\w+(?: et al\.)? \d{4})?,? ?Eq\. (?P<first>\d+)(?:-(?P<last>\d+))?"
)


def faults(text: str, *, about_btn: bool = True) -> list[str]:
    """Lines that cite an equation of the paper, but first name a quantity that another equation defines, or none.

    about_btn: a citation without a source is of this paper.
    """
    wrong = []
    for line in text.splitlines():
        plain = re.sub(r"[${}*`\\]|\\mathrm", "", line)
        for citation in _CITATION.finditer(plain):
            if citation["source"] not in ({"BTN", None} if about_btn else {"BTN"}):
                continue
            numbers = range(int(citation["first"]), int(citation["last"] or citation["first"]) + 1)
            starts = {
                name: match.start()
                for name, pattern in _PATTERNS.items()
                if (match := re.search(pattern, plain)) is not None
            }
            named = min(starts, key=lambda name: starts[name], default=None)
            if named not in {EQUATIONS.get(number) for number in numbers}:
                wrong.append(line.strip())
    return wrong


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("P_BT = P_CBA + P_VIT (BTN, Eq. 6)", False),
        ("P_BT = P_CBA + P_VIT (BTN, Eq. 8)", True),
        ("f_la = self.x2(s2, k1)  # F_LA (BTN, Eq. 1)", True),
        ("Multi-level attention: S1, S2, S3 to F_MLA (BTN, Eq. 1-2)", False),
        ("what nobody knows (BTN, Eq. 3)", True),
        ("the loss (BTN, Eq. 10)", True),
        ("Umeyama 1991, Eq. 40-43", False),
    ],
)
def test_faults__finds_a_citation_of_another_equation(line: str, wrong: bool):
    assert bool(faults(line)) is wrong


@pytest.mark.parametrize("folder", ["fercli", "docs"])
def test_citations__name_what_the_papers_equation_defines(folder: str):
    wrong = {}
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".py", ".md"):
            about_btn = path.parent.name == "models" or path.stem in ("model", "losses", "batch_attention")
            wrong[path.relative_to(ROOT).as_posix()] = faults(path.read_text("utf-8"), about_btn=about_btn)
    assert "BTN, Eq. 6" in (ROOT / "fercli" / "models" / "batch_transformer.py").read_text("utf-8")
    assert {name: lines for name, lines in wrong.items() if lines} == {}


def test_faults__reads_a_citation_without_source_only_where_the_text_is_about_the_paper():
    assert faults("as if all classes were equally common (Eq. 9)", about_btn=False) == []
    assert faults("as if all classes were equally common (BTN, Eq. 9)", about_btn=False) != []


def test_model_page__lists_the_papers_equations():
    page = (ROOT / "docs" / "model.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d)(?:-(\d))? \| \$(.+?)\$ \|", page, flags=re.MULTILINE)
    listed = {
        n: re.sub(r"[{}]", "", name) for first, last, name in rows for n in range(int(first), int(last or first) + 1)
    }
    assert listed == EQUATIONS | {4: "CBA"}  # whose row names o_n in its text
