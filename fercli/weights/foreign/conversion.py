"""Rename the tensors of a foreign checkpoint to those of BTN, and check that none is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

Rules = Sequence[tuple[str, str]]  # (pattern that matches a whole name, replacement or reason)


@dataclass(frozen=True)
class Conversion:
    """The tensors of a foreign checkpoint under BTN's names.

    renamed: BTN's name -> the file's. dropped: the file's name -> why the tensor is not used.
    """

    state: Mapping[str, Tensor]
    renamed: Mapping[str, str]
    dropped: Mapping[str, str]


class IncompleteError(WeightsError):
    """A checkpoint that lacks tensors; `conversion` has those it contains, `missing` the names of the others."""

    def __init__(
        self, message: str, *, fix: str, conversion: Conversion | None = None, missing: Sequence[str] = ()
    ) -> None:
        super().__init__(message, fix=fix)
        self.conversion, self.missing = conversion, tuple(missing)


def rename(source: Mapping[str, Tensor], *, renames: Rules, drops: Rules) -> Conversion:
    """Rename or drop every tensor by the first rule that matches its name; others are dropped as unknown."""
    state: dict[str, Tensor] = {}
    renamed: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for name, tensor in source.items():
        reason = next((reason for pattern, reason in drops if re.fullmatch(pattern, name)), None)
        new_name = next((match.expand(new) for old, new in renames if (match := re.fullmatch(old, name))), None)
        if reason is not None or new_name is None:
            dropped[name] = reason or "unknown"
        else:
            state[new_name], renamed[new_name] = tensor, name
    return Conversion(state, renamed, dropped)


def check_complete(conversion: Conversion, expected: Mapping[str, Tensor], *, title: str, where: str, fix: str) -> None:
    """Raise unless the conversion has exactly the names and shapes of `expected`.

    title: of the format; fix: for a file that lacks tensors. Raises: IncompleteError for missing tensors, WeightsError
    for tensors of another shape.
    """
    missing = [name for name in expected if name not in conversion.state]
    if missing:
        few = ", ".join(missing[:2]) + (", ..." if len(missing) > 2 else "")
        raise IncompleteError(
            f"{where} is not a complete {title}: {len(missing)} of {len(expected)} tensors missing ({few})",
            fix=fix,
            conversion=conversion,
            missing=missing,
        )
    differing = [
        f"{conversion.renamed.get(name, name)} {list(tensor.shape)}"
        for name, tensor in conversion.state.items()
        if name not in expected or expected[name].shape != tensor.shape
    ]
    if differing:
        raise WeightsError(
            f"{where} has tensors of another shape than {title}: {', '.join(differing[:4])}",
            fix="download the published file again",
        )
