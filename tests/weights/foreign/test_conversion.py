"""Renaming the tensors of a foreign checkpoint."""

from __future__ import annotations

import torch

from fercli.weights.foreign.conversion import rename


def test_rename__uses_the_first_rule_and_reports_why_others_are_dropped():
    source = {"a.0.weight": torch.ones(1), "head.weight": torch.ones(1), "x": torch.ones(1)}
    result = rename(source, renames=[(r"a\.(\d)\.weight", r"b.\1.weight")], drops=[(r"head\..*", "the head")])
    assert result.renamed == {"b.0.weight": "a.0.weight"}
    assert result.dropped == {"head.weight": "the head", "x": "unknown"}
