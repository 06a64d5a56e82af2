"""What every converter returns: tensors under our names, and what became of each of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercli.errors import WeightsError
from fercli.store.weights import PartName

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Conversion:
    """The outcome of reading one foreign file.

    state: tensors under our names. renamed: our name -> theirs. dropped: their name -> why we do not keep it.
    part: what the tensors are, None for a whole model. details: facts for the provenance.
    """

    source: str
    part: PartName | None
    state: Mapping[str, Tensor]
    renamed: Mapping[str, str]
    dropped: Mapping[str, str]
    details: Mapping[str, str | int | float]


def check_complete(conversion: Conversion, expected: Mapping[str, Tensor], *, where: str) -> None:
    """WeightsError unless the conversion fills exactly the names and shapes that our network expects."""
    missing = [name for name in expected if name not in conversion.state]
    if missing:
        raise WeightsError(
            f"{where}: as {conversion.source} it leaves {len(missing)} of our {len(expected)} tensors empty"
            f" ({', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''})",
            fix="is it another kind of file? --from poster_v2 | mobilefacenet | ir50 | face_resnet",
        )
    odd = [
        f"{conversion.renamed.get(name, name)} {list(tensor.shape)}"
        for name, tensor in conversion.state.items()
        if name not in expected or expected[name].shape != tensor.shape
    ]
    if odd:
        raise WeightsError(f"{where}: tensors of another size than {conversion.source} has: {', '.join(odd[:4])}")
