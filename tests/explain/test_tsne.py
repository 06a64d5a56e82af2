"""Figure 8 on a random small network."""

from __future__ import annotations

from collections import Counter

from fercli.explain.tsne import Tsne


def test_tsne__writes_points_and_separation_of_both_spaces(draw, rows_of, make_run, three_classes, tmp_path):
    run = make_run("run")
    draw(Tsne(feature="cls", perplexity=5), [run], three_classes, tmp_path / "out")
    points = rows_of(tmp_path / "out" / "tsne.csv")
    assert Counter(row["label"] for row in points) == {"neutral": 8, "happiness": 8, "sadness": 8}
    spaces = [row["space"] for row in rows_of(tmp_path / "out" / "separation.csv")]
    assert spaces == ["cls [64]", "t-SNE plane"]


def test_tsne__logits_are_p_vit(draw, rows_of, make_run, three_classes, tmp_path):
    draw(Tsne(perplexity=5), [make_run("run")], three_classes, tmp_path / "out")
    assert rows_of(tmp_path / "out" / "separation.csv")[0]["space"] == "logits [3]"
