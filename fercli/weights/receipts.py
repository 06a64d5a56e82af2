"""Receipts of pulled weights: source and hashes, one JSON file for every entry of the registry."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from fercli.config.validate import from_dict
from fercli.errors import WeightsError
from fercli.system.cache import receipts_folder
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json


@dataclass(frozen=True)
class Receipt:
    """One pull.

    location: the source of the file; `by hand` if the user put it there. outputs: sha256 of every weights file, by name.
    pulled: UTC, ISO 8601. first_use: sha256 of the first download from each location; later ones are compared with it.
    """

    name: str
    location: str
    file: str
    sha256: str
    bytes: int
    pulled: str
    outputs: dict[str, str]
    first_use: dict[str, str] = field(default_factory=dict)


def read_receipt(name: str) -> Receipt | None:
    """Read the receipt of an entry; None if it was never pulled. Raises: WeightsError for a broken file."""
    path = receipts_folder() / f"{name}.json"
    if not path.is_file():
        return None
    fix = f"delete {path}; the hash of the next download is then recorded"
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error})", fix=fix) from error
    return from_dict(Receipt, values, where=str(path), error=WeightsError, fix=fix)


def write_receipt(receipt: Receipt) -> None:
    """Write an entry's receipt, under a temporary name first."""
    write_json(receipts_folder() / f"{receipt.name}.json", asdict(receipt))
