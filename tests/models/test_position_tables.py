"""Position tables at another size, against values by hand; other tensors are not changed."""

from __future__ import annotations

import torch

from fercli.models.position_tables import resize_positions


def test_resize_positions__a_constant_table_stays_constant():
    state = {"cross.0.attention.bias_table": torch.full((9, 2), 0.25)}
    resized, changed = resize_positions(state, {"cross.0.attention.bias_table": torch.empty(49, 2)})
    assert changed == ["cross.0.attention.bias_table"]
    torch.testing.assert_close(resized["cross.0.attention.bias_table"], torch.full((49, 2), 0.25))


def test_resize_positions__a_slope_keeps_its_direction_and_its_middle():
    # offsets -1, 0, 1 from left to right, in every row
    table = torch.tensor([-1.0, 0.0, 1.0]).repeat(3)[:, None]
    resized, _ = resize_positions({"x.bias_table": table}, {"x.bias_table": torch.empty(49, 1)})
    grid = resized["x.bias_table"].view(7, 7)
    torch.testing.assert_close(grid, grid[:1].expand(7, 7))
    torch.testing.assert_close(grid[:, 3], torch.zeros(7), atol=1e-6, rtol=0)
    assert bool((grid[0, 1:] >= grid[0, :-1]).all())


def test_resize_positions__resizes_the_tokens_of_each_level_and_keeps_the_class_token():
    tokens = torch.cat([torch.full((1, 4, 1), float(level)) for level in (1, 2, 3)], dim=1)
    table = torch.cat((torch.full((1, 1, 1), 9.0), tokens), dim=1)
    resized, _ = resize_positions({"vit.pos_embed": table}, {"vit.pos_embed": torch.empty(1, 28, 1)})
    expected = torch.tensor([9.0, *[1.0] * 9, *[2.0] * 9, *[3.0] * 9]).view(1, 28, 1)
    torch.testing.assert_close(resized["vit.pos_embed"], expected)


def test_resize_positions__does_not_change_tables_that_fit_and_other_tensors():
    state = {"a.bias_table": torch.ones(9, 2), "b.weight": torch.ones(3, 2), "c.bias_table": torch.ones(9, 2)}
    target = {"a.bias_table": torch.empty(9, 2), "b.weight": torch.empty(5, 2), "c.bias_table": torch.empty(49, 4)}
    resized, changed = resize_positions(state, target)
    assert changed == []
    assert all(resized[name] is table for name, table in state.items())
