"""Predictions in, flat rows out: for a line of JSON, and for predictions.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fercli.results import Prediction
from fercli.store.atomic import refuse_existing, replacing

CSV_NAME = "predictions.csv"
_BOX = ("box_left", "box_top", "box_right", "box_bottom")
_LANDMARKS = tuple(
    f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in ("x", "y")
)


def as_record(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain values: what `--json` prints, one object per face, or per frame without one."""
    found, probabilities = prediction.found, prediction.probabilities
    return {
        "source": prediction.source,
        "frame": prediction.frame,
        "time_s": None if prediction.time_s is None else round(prediction.time_s, 6),
        "face": prediction.face,
        "track": prediction.track,
        "status": prediction.status,
        "label": prediction.label,
        "probability": None if prediction.probability is None else round(prediction.probability, 6),
        "probabilities": {name: round(value, 6) for name, value in probabilities.items()} if probabilities else None,
        "box_xyxy": [round(value, 2) for value in found.box_xyxy] if found else None,
        "detection_score": round(found.score, 4) if found else None,
        "landmarks": [[round(value, 2) for value in point] for point in found.landmarks] if found else None,
        "detected": prediction.detected if found else None,
        "smoothing_s": prediction.smoothing_s,
        "detail": prediction.detail,
    }


class PredictionsCsv:
    """Writes predictions.csv row by row; the file gets its name when the `with` ends without an error."""

    def __init__(self, folder: Path, labels: Sequence[str], *, overwrite: bool = False) -> None:
        self.path = folder / CSV_NAME
        refuse_existing(self.path, overwrite=overwrite)
        self._labels = tuple(labels)
        self._open = ExitStack()

    def __enter__(self) -> PredictionsCsv:
        temporary = self._open.enter_context(replacing(self.path))
        file = self._open.enter_context(
            temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape")  # file names may be any bytes
        )
        self._writer = csv.writer(file, lineterminator="\n")
        head = ("source", "frame", "time_s", "face", "track", "status", "label", "probability")
        names = (
            *(f"p_{label}" for label in self._labels),
            *_BOX,
            "detection_score",
            *_LANDMARKS,
            "detected",
            "smoothing_s",
            "detail",
        )
        self._writer.writerow([*head, *names, "detected", "smoothing_s", "detail"])
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append one row per prediction; what does not apply is an empty cell."""
        for prediction in predictions:
            record = as_record(prediction)
            probabilities = record["probabilities"] or {}
            points = [value for point in record["landmarks"] or () for value in point]
            self._writer.writerow(
                [
                    record[name]
                    for name in ("source", "frame", "time_s", "face", "track", "status", "label", "probability")
                ]
                + [probabilities.get(label) for label in self._labels]
                + (record["box_xyxy"] or [None] * len(_BOX))
                + [record["detection_score"]]
                + (points or [None] * len(_LANDMARKS))
                + [record["detected"], record["smoothing_s"], record["detail"]]
            )
