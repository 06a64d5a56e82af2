"""Pages from templates: everything is escaped, nothing missing is passed over, every template is in the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from fercli.html.pages import jinja_environment, render, write_template
from fercli.html.parts import FaceCard, Table, Tile

ROOT = Path(__file__).parents[2]
EVIL = """<script>alert("1")</script>'&"""
ESCAPED = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&#39;&amp;"


def _comparison(**changes: object) -> dict[str, object]:
    card = FaceCard(EVIL, EVIL, [EVIL], EVIL, b"jpeg")
    kinds = [{"heading": EVIL, "count": 1, "cards": [card]}]
    scores = Table(EVIL, [EVIL], [[EVIL, EVIL]])
    return {"title": EVIL, "subtitle": EVIL, "scores": scores, "summary": EVIL, "kinds": kinds} | changes


def test_render__escapes_every_value():
    page = render("evaluate/compare/page.html", **_comparison())
    assert EVIL not in page
    assert "<script" not in page
    assert page.count(ESCAPED) == 13


def test_render__raises_for_a_value_that_is_missing():
    values = _comparison()
    del values["summary"]
    with pytest.raises(UndefinedError, match="summary"):
        render("evaluate/compare/page.html", **values)


def test_page__without_a_script_allows_none():
    page = render("evaluate/compare/page.html", **_comparison())
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in page


def test_write_template__replaces_bytes_that_are_not_text(tmp_path: Path):
    write_template(tmp_path / "a.html", "evaluate/compare/page.html", **_comparison(title="\udcff.jpg"))
    assert "<h1>?.jpg</h1>" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_tiles__mark_an_alarm():
    macro = '{% from "html/parts.html" import tiles %}{{ tiles(entries) }}'
    text = (
        jinja_environment().from_string(macro).render(entries=[Tile("unreadable", "3", alarm=True), Tile("crops", "5")])
    )
    assert text.count('class="alarm"') == 1


def test_templates__all_compile():
    names = [path.relative_to(ROOT / "fercli").as_posix() for path in (ROOT / "fercli").rglob("*.html")]
    assert len(names) >= 8
    for name in names:
        jinja_environment().get_template(name)


@pytest.mark.slow
def test_templates__are_in_the_wheel(tmp_path: Path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    pytest.importorskip("hatchling")
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packaged = set(archive.namelist())
    for path in (ROOT / "fercli").rglob("*.html"):
        assert path.relative_to(ROOT).as_posix() in packaged
