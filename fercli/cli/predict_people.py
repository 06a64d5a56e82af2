"""The options of `fer predict` about people: their names and their resting expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.errors import UsageError

if TYPE_CHECKING:
    from fercli.coding.names import Names
    from fercli.faces.detector import FaceDetector
    from fercli.media.sources import Source
    from fercli.predict.baseline.table import Baselines
    from fercli.predict.image_result import ImageResult
    from fercli.predict.options import PredictOptions
    from fercli.weights.classifier import Classifier

PANEL = "People"

BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="SPAN|auto|FILE",
        help="Subtract every person's resting expression: in a span such as 0:00-0:10, in the calmest seconds (auto), or by "
        "a csv file with the columns person and span (videos) or person and neutral (pictures).",
        rich_help_panel=PANEL,
    ),
]
BlurOption = Annotated[
    bool,
    typer.Option(
        "--blur-faces",
        help="Blur every detected face in copies and reports; a face that is not detected is not blurred.",
        rich_help_panel=PANEL,
    ),
]
DrawOption = Annotated[
    Literal["labels", "boxes", "nothing"],
    typer.Option("--draw", help="What copies show of the predictions.", rich_help_panel=PANEL),
]
NoPicturesOption = Annotated[
    bool,
    typer.Option("--no-pictures", help="Reports without any picture or face.", rich_help_panel=PANEL),
]


@dataclass(frozen=True)
class PeopleOptions:
    """What --baseline and --people name."""

    baselines: Baselines | None
    names: Names | None

    @staticmethod
    def read(baseline: str | None, people: Path | None, sources: Sequence[Source], *, track: bool) -> PeopleOptions:
        """Read both files. Raises: UsageError, DataError before any work is done."""
        from fercli.coding.names import read_names
        from fercli.predict.baseline.table import read_baselines

        if people is not None and not track:
            raise UsageError("--people names tracks, but tracking is off", fix="remove --people or --no-track")
        baselines = None if baseline is None else read_baselines(baseline)
        if baselines is not None:
            baselines.check(sources)
        return PeopleOptions(baselines, None if people is None else read_names(people))

    @property
    def all_names(self) -> list[str]:
        """The names of people that rows can contain."""
        named = [] if self.names is None else self.names.names
        return named + ([] if self.baselines is None else self.baselines.people)

    def warnings(self, not_read: Iterable[Source]) -> list[str]:
        """Return what does not fit in the file of names. not_read: sources that an earlier run read."""
        return [] if self.names is None else self.names.warnings([source.name for source in not_read])

    @property
    def neutral_pictures(self) -> list[Path]:
        """The pictures of the baseline, which rows name."""
        return [] if self.baselines is None else self.baselines.neutral_pictures

    def as_settings(self) -> dict[str, str]:
        """Return what outputs record; nothing for options that are not used."""
        settings = {}
        if self.baselines is not None:
            from fercli.predict.baseline.saved_rows import SETTING, baseline_setting

            settings[SETTING] = baseline_setting(self.baselines)
        if self.names is not None:
            from fercli.coding.names import SETTING as NAMES

            settings[NAMES] = "given"
        return settings

    def apply(
        self,
        results: Iterable[ImageResult],
        classifier: Classifier,
        *,
        detector: FaceDetector | None,
        options: PredictOptions,
        on_note: Callable[[Source, str], None],
    ) -> Iterator[ImageResult]:
        """Return the results with names, and with the resting expressions subtracted."""
        from fercli.predict.baseline.apply import BaselineCorrection, neutral_rests, with_baselines

        named = iter(results) if self.names is None else _with_names(results, self.names)
        if self.baselines is None:
            return named
        card = classifier.card
        correction = BaselineCorrection(card.labels, card.abstain_below, options.min_reliable_px)
        pictures = self.baselines.neutral_pictures
        neutral = {}
        if pictures:
            neutral = neutral_rests(pictures, classifier, correction, detector=detector, options=options)
        return with_baselines(named, self.baselines, correction, neutral=neutral, on_note=on_note)


def _with_names(results: Iterable[ImageResult], names: Names) -> Iterator[ImageResult]:
    """Yield the results with the names of their people."""
    for result in results:
        yield replace(result, predictions=names.of_frame(result.predictions))
