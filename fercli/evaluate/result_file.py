"""result.json: the weights and their scores in one versioned layout, written by `fer train` and `fer eval`.

`fer report`, `fer compare` and `fer ablate` read it. result.schema.json, beside this file, is its JSON schema.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fercli.config.validate import from_dict
from fercli.errors import DataError
from fercli.evaluate.prediction_table import PREDICTIONS_NAME
from fercli.evaluate.scores import Score, SelectionCode
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

RESULT_NAME = "result.json"
FORMAT = 2  # before 0.2.0, fer train and fer eval had layouts of their own
_FIX = "a folder that fer train or fer eval --out wrote; those of earlier versions have to be evaluated again"


@dataclass(frozen=True)
class ModelFacts:
    """The weights that were scored.

    sha256, parameters, macs: of the weights file and its network, None if not computed. convention: the label convention of
    the predictions, None for a model without conventions. prior: class shares of `--prior`, None without.
    """

    name: str
    version: str
    preset: str
    engine: str
    device: str
    sha256: str | None = None
    parameters: int | None = None
    macs: int | None = None
    convention: str | None = None
    prior: str | None = None


@dataclass(frozen=True)
class ResultFile:
    """The content of result.json.

    command: with its version, as `fer eval 0.2.0`. fingerprint: of the data set, None where it has none.
    selection, its sentence selected_by, epoch, seed: how training selected the weights, None where their card has none.
    scores: one per split. predictions: file of the predictions by split, relative to the folder of result.json.
    evaluation, training: what only `fer eval` or only `fer train` states, None in the other's file.
    """

    command: str
    dataset: str
    fingerprint: str | None
    labels: tuple[str, ...]
    model: ModelFacts
    selection: SelectionCode | None
    selected_by: str | None
    epoch: int | None
    seed: int | None
    test_time_augmentation: str | None
    scores: tuple[Score, ...]
    predictions: dict[str, str]
    warnings: tuple[str, ...] = ()
    evaluation: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError("a result without scores")
        if len({score.split for score in self.scores}) != len(self.scores):
            raise ValueError("two scores of one split")

    @property
    def main_score(self) -> Score:
        """The score of the test split, else of the validation split, else the only one."""
        by_split = {score.split: score for score in self.scores}
        return by_split.get("test") or by_split.get("val") or self.scores[0]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, in the layout of the file: the format first."""
        return {"format": self.format, **asdict(self)}


def write_result(path: Path, result: ResultFile) -> None:
    """Write result.json; it appears complete or not at all."""
    write_json(path, result.as_dict(), allow_nan=False)


def read_result(path: Path) -> ResultFile:
    """Read result.json, or the one in a folder; DataError lists everything that does not fit the layout."""
    file = result_path(path)
    try:
        record = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"could not read {file} ({error})", fix=_FIX) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        actual = record.get("format", "none") if isinstance(record, dict) else "none"
        raise DataError(f"{file} is not a result of format {FORMAT} (format: {actual})", fix=_FIX)
    return from_dict(ResultFile, record, where=str(file), error=DataError, fix=_FIX)


def result_path(path: Path) -> Path:
    """Return the path of result.json in a folder, or the file itself."""
    return path / RESULT_NAME if path.is_dir() else path


def predictions_path(path: Path) -> Path:
    """Return the table of predictions behind the main score of a folder; a path of a file is returned as it is.

    In a folder without result.json it is predictions.csv.
    """
    if not path.is_dir():
        return path
    if not result_path(path).is_file():
        return path / PREDICTIONS_NAME
    result = read_result(path)
    split = result.main_score.split
    if split not in result.predictions:
        raise DataError(f"{result_path(path)} names no predictions for the {split} split", fix=_FIX)
    return path / result.predictions[split]
