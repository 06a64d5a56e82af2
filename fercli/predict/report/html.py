"""Readings in, one self-contained HTML page out: no network, no other file, complete or absent."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fercli import __version__
from fercli.html.markup import escaped, table
from fercli.html.page import page_end, page_start
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.report.about import about_model, about_settings, legend
from fercli.predict.report.chart import hatch
from fercli.predict.report.picture_cards import cards_section, picture_card
from fercli.predict.report.video_section import VideoSection
from fercli.results import Prediction, is_frame
from fercli.system.files import refuse_existing, replacing
from fercli.weights.card import WeightsCard


class HtmlReport:
    """One page about the videos and pictures that it is given; the file gets its name when the `with` ends well.

    Memory does not grow with the length of a video; cards of pictures and finished videos wait on disk.
    settings: name -> value of what shaped the run, shown beside what the card says.
    Raises: RefusedError at once if the file is there and may not be replaced.
    """

    def __init__(
        self, path: Path, card: WeightsCard, settings: Mapping[str, object] | None = None, *, overwrite: bool = False
    ) -> None:
        self.path = path
        refuse_existing(path, overwrite=overwrite)
        self._card, self._settings = card, dict(settings or {})
        self._open = ExitStack()
        self._video: VideoSection | None = None
        self._source: Path | None = None
        self._videos: list[str] = []
        self._cards = 0
        self._links: list[tuple[str, str]] = []
        self._unread: list[tuple[str, str]] = []

    def __enter__(self) -> HtmlReport:
        self._temporary = self._open.enter_context(replacing(self.path))
        self._video_parts = self._open.enter_context(_spool())
        self._picture_parts = self._open.enter_context(_spool())
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            try:
                self._end_video()
                self._write()
            except BaseException as fault:
                self._open.__exit__(type(fault), fault, fault.__traceback__)
                raise
        self._open.__exit__(kind, *error)

    def add(
        self, source: Source, rgb: Rgb | None, predictions: Sequence[Prediction], *, time_s: float | None = None
    ) -> None:
        """Add a picture or the next frame of a video; rgb None: it, or the rest of it, could not be read."""
        if source.path != self._source:
            self._end_video()
            self._source = source.path
        name = str(source.relative)
        if source.kind == "video" and (rgb is not None or self._video is not None or is_frame(predictions)):
            self._video = self._video or VideoSection(name, self._card.labels)
            self._video.add(rgb, predictions, time_s=time_s)
        elif rgb is None:
            self._unread.append((source.name, "; ".join(p.detail or "" for p in predictions) or "unreadable"))
        else:
            card = picture_card(name, rgb, predictions, labels=self._card.labels, place=self._cards)
            self._picture_parts.write(card + "\n")
            self._cards += 1

    def link(self, name: str, target: str) -> None:
        """Show a link to another page, by its path relative to this one."""
        self._links.append((name, quote(target)))

    def _end_video(self) -> None:
        if self._video is not None:
            number = len(self._videos)
            self._videos.append(self._video.name)
            if number:  # the first one's heading depends on whether another follows
                self._video_parts.write(_heading(number, self._video.name))
            self._video_parts.write(self._video.html() + "\n")
        self._video = None

    def _write(self) -> None:
        with self._temporary.open("w", encoding="utf-8", errors="replace") as page:
            page.write(self._head())
            if self._links:
                links = "".join(f'<li><a href="{escaped(to)}">{escaped(name)}</a></li>' for name, to in self._links)
                page.write(f"<section><h2>Videos</h2><ol>{links}</ol></section>")
            if self._videos or self._cards:
                page.write(legend(self._card.labels))
            if self._videos and not self._single:
                page.write(_heading(0, self._videos[0]))
            _append(self._video_parts, page)
            if self._cards:
                before, after = cards_section(self._cards, self._card.labels)
                page.write(before)
                _append(self._picture_parts, page)
                page.write(after)
            if self._unread:
                page.write("<section>" + table("Could not be read", ("file", "reason"), self._unread) + "</section>")
            made = f"fer {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
            page.write(about_model(self._card) + about_settings(self._card, self._settings, made=made))
            page.write(page_end(script=True))

    @property
    def _single(self) -> bool:
        """Whether the page is about one video, whose name is its title then."""
        return len(self._videos) == 1 and not self._cards

    def _head(self) -> str:
        names = self._videos
        title = names[0] if self._single else "Facial expressions"
        under = f"{'Expressions over time, read' if self._single else 'Read'} by {self._card.name} {self._card.version}"
        links = "".join(f'<li><a href="#video{n}">{escaped(name)}</a></li>' for n, name in enumerate(names))
        return page_start(title, under, before=hatch(), after=f"<ol>{links}</ol>" if len(names) > 1 else "")


def _heading(number: int, name: str) -> str:
    return f'<h2 id="video{number}" class="video">{escaped(name)}</h2>'


def _spool() -> Any:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _append(parts: Any, page: Any) -> None:
    parts.seek(0)
    shutil.copyfileobj(parts, page)
