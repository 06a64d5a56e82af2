"""What every converter returns: tensors under our names, and what became of each of theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercli.errors import WeightsError
from fercli.weights.files import PartName

if TYPE_CHECKING:
    from torch import Tensor

Rules = Sequence[tuple[str, str]]  # (pattern that fits a whole name, replacement or reason)


@dataclass(frozen=True)
class Conversion:
    """The outcome of reading one foreign file.

    state: tensors under our names. renamed: our name -> theirs. dropped: their name -> why we do not keep it.
    part: what the tensors are, None for a whole model.
    """

    source: str
    part: PartName | None
    state: Mapping[str, Tensor]
    renamed: Mapping[str, str]
    dropped: Mapping[str, str]


class IncompleteError(WeightsError):
    """A file that lacks tensors of what it should hold; `conversion` and `missing` say which were found and which not."""

    def __init__(
        self, message: str, *, fix: str, conversion: Conversion | None = None, missing: Sequence[str] = ()
    ) -> None:
        super().__init__(message, fix=fix)
        self.conversion, self.missing = conversion, tuple(missing)


def rename(
    theirs: Mapping[str, Tensor], *, source: str, part: PartName | None, renames: Rules, drops: Rules
) -> Conversion:
    """Sort a foreign state dict by the first rule that fits each name; names that no rule knows are dropped as such."""
    state: dict[str, Tensor] = {}
    renamed: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for name, tensor in theirs.items():
        reason = next((reason for pattern, reason in drops if re.fullmatch(pattern, name)), None)
        ours = next((match.expand(new) for old, new in renames if (match := re.fullmatch(old, name))), None)
        if reason is not None or ours is None:
            dropped[name] = reason or "unknown"
        else:
            state[ours], renamed[ours] = tensor, name
    return Conversion(source, part, state, renamed, dropped)


_NAME_KIND = "name its kind: --from poster_v2, mobilefacenet, ir50 or face_resnet"


def check_complete(
    conversion: Conversion, expected: Mapping[str, Tensor], *, where: str, fix: str = _NAME_KIND
) -> None:
    """IncompleteError or WeightsError unless the conversion fills exactly the names and shapes our network expects.

    fix: what mends a file that lacks tensors.
    """
    missing = [name for name in expected if name not in conversion.state]
    if missing:
        few = ", ".join(missing[:2]) + (", ..." if len(missing) > 2 else "")
        raise IncompleteError(
            f"{where} is no complete {conversion.source}: {len(missing)} of {len(expected)} tensors missing ({few})",
            fix=fix,
            conversion=conversion,
            missing=missing,
        )
    odd = [
        f"{conversion.renamed.get(name, name)} {list(tensor.shape)}"
        for name, tensor in conversion.state.items()
        if name not in expected or expected[name].shape != tensor.shape
    ]
    if odd:
        raise WeightsError(
            f"{where} has tensors of another size than {conversion.source}: {', '.join(odd[:4])}",
            fix="get the published file again",
        )
