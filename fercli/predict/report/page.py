"""The report of `fer predict`: one self-contained HTML page about videos and pictures."""

from __future__ import annotations

import os
import re
import tempfile
from array import array
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from fercli import __version__
from fercli.coding.code import CodedVideo
from fercli.coding.correction import Correction
from fercli.html.colours import UNCERTAIN
from fercli.html.pages import write_template
from fercli.html.parts import Table
from fercli.html.thumbnail import smaller_jpeg
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.report.about import accuracy, legend, settings, uncertainty
from fercli.predict.report.coding_tables import corrected_table, summary_table
from fercli.predict.report.methods import BaselineCounts, methods, references
from fercli.predict.report.overview import VideoOverview
from fercli.predict.report.pictures import picture_card
from fercli.predict.report.video import VideoSection
from fercli.results import Prediction, is_frame, who_name
from fercli.system.files import refuse_existing, replacing, write_errors_name
from fercli.weights.card import WeightsCard

_POSTER = re.compile('poster="data:image/jpeg;base64,([A-Za-z0-9+/=]+)"')
_THUMBNAIL_PX = 240
MOST_CARDS = 2000  # of pictures, so that browsers open the page: 10 to 50 MB
_KEPT = "Inputs of an earlier run, whose rows are kept"


@dataclass
class VideoLink:
    """The card of a video whose page is another file. picture: JPEG bytes."""

    name: str
    target: str
    overview: VideoOverview | None = None
    picture: bytes | None = None


class HtmlReport:
    """One page about videos and pictures; the file gets its name when the `with` block ends without an error.

    Memory does not grow with the length of a video; cards of pictures and finished videos are kept in temporary files.
    pictures: whether the page shows pictures and faces. video: the copy that plays on the page, if it is about one video.
    settings: name -> value of the settings of the run, shown beside the facts of the card.
    correction: of the shares of time, which are shown beside the uncorrected ones.
    Raises: RefusedError from the constructor if the file exists and `overwrite` is not set.
    """

    def __init__(
        self,
        path: Path,
        card: WeightsCard,
        settings: Mapping[str, object] | None = None,
        *,
        overwrite: bool = False,
        pictures: bool = True,
        video: Path | None = None,
        correction: Correction | None = None,
    ) -> None:
        self.path = path
        refuse_existing(path, overwrite=overwrite)
        self._card, self._settings, self._pictures = card, dict(settings or {}), pictures
        self._correction = correction
        self._player = quote(os.fsencode(os.path.relpath(video, path.parent))) if video and pictures else None
        self._open = ExitStack()
        self._video: VideoSection | None = None
        self._source: Source | None = None
        self._videos: list[str] = []
        self._cards = 0
        self._card_lengths = array("q")
        self._links: list[VideoLink] = []
        self._poster: bytes | None = None
        self._coded: list[tuple[str, CodedVideo]] = []
        self._unread: list[tuple[str, str]] = []
        self._baselines = BaselineCounts()
        self._kept: list[tuple[str, str]] = []

    def __enter__(self) -> HtmlReport:
        self._temporary = self._open.enter_context(replacing(self.path))
        self._video_parts = self._open.enter_context(_spool())
        self._picture_parts = self._open.enter_context(_spool())
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            try:
                self.end_video()
                self._write()
            except BaseException as raised:
                self._open.__exit__(type(raised), raised, raised.__traceback__)
                raise
        self._open.__exit__(kind, *error)

    def add(
        self, source: Source, rgb: Rgb | None, predictions: Sequence[Prediction], *, time_s: float | None = None
    ) -> None:
        """Add a picture or the next frame of a video; rgb None: it, or the rest of the video, could not be read."""
        if source != self._source:
            self.end_video()
            self._source = source
        name = str(source.relative)
        if source.kind == "video" and (rgb is not None or self._video is not None or is_frame(predictions)):
            anchor = f"person{len(self._videos)}"
            self._video = self._video or VideoSection(
                name,
                self._card.labels,
                begin_s=source.selection.start_s,
                until_s=source.selection.end_s,
                anchor=anchor,
                pictures=self._pictures,
                player=self._player is not None,
                correction=self._correction,
                baseline="baseline" in self._settings,
            )
            self._video.add(rgb, predictions, time_s=time_s)
        elif rgb is None:
            self._unread.append((source.name, "; ".join(p.detail or "" for p in predictions) or "unreadable"))
        else:
            card = picture_card(
                name, rgb, predictions, labels=self._card.labels, index=self._cards, picture=self._pictures
            )
            self._keep(self._picture_parts, card)
            self._card_lengths.append(len(card) + 1)
            if predictions[0].detection is not None:
                self._baselines.add(name, predictions[0].baseline)
            self._cards += 1

    def add_kept(self, name: str, what: str) -> None:
        """Name an input of an earlier run that this one was not given, and what its rows say."""
        self._kept.append((name, what))

    def link(self, name: str, target: str) -> None:
        """Show a link to another page, by its path relative to this one."""
        self._links.append(VideoLink(name, quote(os.fsencode(target))))

    def add_summary(
        self, name: str, coded: CodedVideo, overview: VideoOverview | None = None, poster: bytes | None = None
    ) -> None:
        """Add a video to the table of the time per expression, and what the card of the last link shows."""
        self._coded.append((name, coded))
        for item in coded.summaries:
            if item.level != "video":
                self._baselines.add(f"{who_name(item.person)} of {name}", item.baseline)
        if self._links and overview is not None:
            link = self._links[-1]
            link.overview = overview
            link.picture = None if poster is None else smaller_jpeg(poster, longest=_THUMBNAIL_PX)

    def end_video(self) -> VideoSection | None:
        """Complete the section of the current video and return it; None if there is none."""
        section = self._video
        if self._video is not None:
            number = len(self._videos)
            self._videos.append(self._video.name)
            if number:  # the first one has a heading only if another video or picture follows
                heading = Markup('<h2 id="video{}" class="video">{}</h2>').format(number, self._video.name)
                self._keep(self._video_parts, heading)
            self._keep(self._video_parts, self._video.html())
            self._poster = self._video.poster
            if self._video.coded is not None:
                self.add_summary(self._video.name, self._video.coded)
        self._video = None
        return section

    @staticmethod
    def _keep(parts: Any, html: str) -> None:
        with write_errors_name(Path(tempfile.gettempdir())):
            parts.write(html + "\n")
            parts.flush()

    def _write(self) -> None:
        card = self._card
        every = -(-self._cards // MOST_CARDS)
        single = len(self._videos) == 1 and not self._cards  # one video, whose name is the title of the page
        made = f"fer {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
        write_template(
            self._temporary,
            "predict/report/page.html",
            title=self._videos[0] if single else "Facial expressions",
            subtitle=f"{'Expressions over time, predicted' if single else 'Predicted'} by {card.name} {card.version}",
            uncertain=UNCERTAIN,
            player=self._player if single else None,
            poster=self._poster if single else None,
            player_begin_s=self._source.selection.start_s if self._source is not None else 0.0,
            methods=methods(card, self._settings, videos=bool(self._videos or self._links), baselines=self._baselines),
            references=references(self._settings),
            videos=self._videos,
            links=self._links,
            summary=None if single or not self._coded else summary_table(self._coded, card.labels),
            corrected=None if self._correction is None else corrected_table(self._coded, card.labels),
            legend=legend(card.labels) if self._videos or self._cards or self._coded else None,
            first_heading=self._videos[0] if self._videos and not single else None,
            video_parts=_chunks(self._video_parts),
            cards=self._cards,
            every=every,
            picture_parts=_every(self._picture_parts, self._card_lengths, every),
            labels=card.labels,
            unread=Table("Could not be read", ("file", "reason"), self._unread) if self._unread else None,
            kept=Table(_KEPT, ("file", "rows"), self._kept) if self._kept else None,
            accuracy=accuracy(card),
            uncertainty=uncertainty(card, self._settings),
            notes=card.notes,
            settings=settings(card, self._settings, made=made),
        )


def poster_of(page: Path) -> bytes | None:
    """Return the picture of the player of a page that an earlier run wrote; None if it has none."""
    found = _POSTER.search(page.read_text(encoding="utf-8", errors="replace")) if page.is_file() else None
    return None if found is None else b64decode(found[1])


def _spool() -> Any:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", newline="")


def _chunks(parts: Any) -> Iterator[Markup]:
    """HTML that was kept in a temporary file, piece by piece."""
    parts.seek(0)
    while chunk := parts.read(1 << 16):
        yield Markup(chunk)


def _every(parts: Any, lengths: Sequence[int], step: int) -> Iterator[Markup]:
    """Yield every `step`-th piece of HTML, from the first on. lengths: characters of the pieces."""
    parts.seek(0)
    for index, length in enumerate(lengths):
        piece = parts.read(length)
        if index % step == 0:
            yield Markup(piece)
