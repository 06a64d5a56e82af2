"""Learned position tables resized to another input size, by bicubic interpolation as in ViT (Dosovitskiy et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_TOKENS, _BIAS = "pos_embed", "bias_table"


def resize_positions(state: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Resize the position tables of `state` to their sizes in `target`; return the new state and the changed names.

    `bias_table` [(2 s - 1)^2, H] of a level of side s is one square of offsets. `pos_embed` [1, 1 + n t^2, W] is a row for the
    class token and n squares of side t, one per level. Entries that differ in another way are not changed.
    """
    resized, changed = dict(state), []
    for name, table in state.items():
        new = target.get(name)
        if new is None or new.shape == table.shape or table.shape[-1] != new.shape[-1]:
            continue
        if name.endswith(_BIAS) and table.ndim == 2:
            resized[name] = _resize(table[None], math.isqrt(len(new)))[0]
        elif name.endswith(_TOKENS) and table.ndim == 3:
            squares = _squares(table.shape[1] - 1, new.shape[1] - 1)
            if not squares:
                continue
            side = math.isqrt((new.shape[1] - 1) // squares)
            grids = _resize(table[0, 1:].unflatten(0, (squares, -1)), side).flatten(0, 1)
            resized[name] = torch.cat((table[:, :1], grids[None]), dim=1)
        else:
            continue
        changed.append(name)
    return resized, changed


def _squares(tokens: int, new_tokens: int) -> int:
    """Return into how many squares both numbers of tokens divide: 3, with tokens of MLA 4; 0 for neither."""
    for squares in (3, 4):
        if all(
            count % squares == 0 and math.isqrt(count // squares) ** 2 * squares == count
            for count in (tokens, new_tokens)
        ):
            return squares
    return 0


def _resize(tables: Tensor, side: int) -> Tensor:
    """Resize squares of rows [n, t^2, C] to [n, side^2, C]."""
    before = math.isqrt(tables.shape[1])
    grids = tables.transpose(1, 2).unflatten(2, (before, before))
    return F.interpolate(grids, (side, side), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
