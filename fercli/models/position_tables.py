"""Learned positions of a BTN trained at one input size, put where another size needs them (bicubic, as ViT; Dosovitskiy 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_TOKENS, _BIAS = "pos_embed", "bias_table"


def resize_positions(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Give the position tables of `state` the sizes they have in `ours`; returns the new state and the names that changed.

    `bias_table` [(2 s - 1)^2, H] of a level of side s is one square of offsets; `pos_embed` [1, 1 + n t^2, W] is the class token's
    row and n squares of side t, one for each level. Entries that differ in another way are left as they are.
    """
    resized, changed = dict(state), []
    for name, table in state.items():
        wanted = ours.get(name)
        if wanted is None or wanted.shape == table.shape or table.shape[-1] != wanted.shape[-1]:
            continue
        if name.endswith(_BIAS) and table.ndim == 2:
            resized[name] = _resize(table[None], math.isqrt(len(wanted)))[0]
        elif name.endswith(_TOKENS) and table.ndim == 3:
            squares = _squares(table.shape[1] - 1, wanted.shape[1] - 1)
            if not squares:
                continue
            side = math.isqrt((wanted.shape[1] - 1) // squares)
            grids = _resize(table[0, 1:].unflatten(0, (squares, -1)), side).flatten(0, 1)
            resized[name] = torch.cat((table[:, :1], grids[None]), dim=1)
        else:
            continue
        changed.append(name)
    return resized, changed


def _squares(tokens: int, wanted: int) -> int:
    """How many squares both numbers of tokens are made of: 3, with MLA among the tokens 4; 0 for neither."""
    for squares in (3, 4):
        if all(
            count % squares == 0 and math.isqrt(count // squares) ** 2 * squares == count for count in (tokens, wanted)
        ):
            return squares
    return 0


def _resize(tables: Tensor, side: int) -> Tensor:
    """Squares of rows [n, t^2, C] at another side: [n, side^2, C]."""
    before = math.isqrt(tables.shape[1])
    grids = tables.transpose(1, 2).unflatten(2, (before, before))
    return F.interpolate(grids, (side, side), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
