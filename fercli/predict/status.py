"""Whether the prediction for a face is reliable."""

from __future__ import annotations

from fercli.formatting import percent
from fercli.results import MIN_FACE_SCORE, Face, Status


def status_of(
    face: Face, probability: float, *, abstain_below: float, min_reliable_px: float
) -> tuple[Status, str | None]:
    """Return the status of a prediction with this highest probability, and the reason if it is unreliable."""
    if face.side < min_reliable_px:
        return "too_small", f"face size {face.side:.1f} px is below the minimum reliable size of {min_reliable_px:g} px"
    if face.score is not None and face.score < MIN_FACE_SCORE:
        return "uncertain", f"detection score {face.score:.2f} is below {MIN_FACE_SCORE}: this may not be a face"
    if probability < abstain_below:
        limit = percent(abstain_below)
        return "uncertain", f"probability {percent(probability)} is below the model's threshold of {limit}"
    return "ok", None
