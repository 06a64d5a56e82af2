"""How one format of foreign checkpoints is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.weights.foreign.conversion import Conversion
from fercli.weights.foreign.pickled import read_pickled_state

if TYPE_CHECKING:
    from torch import Tensor

    from fercli.config.model import BtnConfig
    from fercli.weights.files import PartName


@dataclass(frozen=True)
class ForeignFormat:
    """One format of checkpoints of another project.

    name: the value of --from. title: the name in messages. origin: who made the weights and under which licence, for the
        card of every model that is trained from them. licence: of a whole model, for its card.
    part: the part of BTN that the tensors fill, None for a whole model. config: the BTN they fit.
    convert: rename the file's tensors. signature_keys: tensor names that occur in this format only; one of them is enough to
        recognise it.
    read: read the file; suffix: of files that are not torch checkpoints, by which the format is recognised instead.
    measure_statistics: give batch norms true statistics (`--faces`), where the file has none.
    """

    name: str
    title: str
    origin: str
    part: PartName | None
    config: Callable[[], BtnConfig]
    convert: Callable[[Mapping[str, Any]], Conversion]
    signature_keys: tuple[str, ...] = ()
    read: Callable[[Path], Mapping[str, Any]] = read_pickled_state
    suffix: str | None = None
    licence: str = ""
    measure_statistics: Callable[[Mapping[str, Tensor], Iterable[Tensor]], dict[str, Tensor]] | None = None


def preset_config(name: str) -> Callable[[], BtnConfig]:
    """Return a function that returns the model preset of that name; the presets are imported when it is called."""

    def config() -> BtnConfig:
        from fercli.config.presets import model_preset

        return model_preset(name)

    return config
