"""The frames of one video in, its part of a report out: who showed what when, the peaks, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fercli.formatting import percent, pluralize
from fercli.html.colours import expression_colour, track_colour
from fercli.html.markup import clock, css_colour, escaped, inline_jpeg, table
from fercli.html.thumbnail import face_jpeg
from fercli.media.images import Rgb
from fercli.predict.people import MOST_PEOPLE, People, Person, SeenFace
from fercli.predict.report.chart import chart, time_table
from fercli.results import Prediction, is_frame


class VideoSection:
    """Collects one video in constant memory; `html` is its part of the page."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        self._labels = tuple(labels)
        self._people: People[bytes] = People(len(self._labels))
        self._faults: list[str] = []
        self._lost = 0

    def add(self, rgb: Rgb | None, predictions: Sequence[Prediction], *, time_s: float | None) -> None:
        """Add a frame; rgb None: it, or the rest of the video, could not be decoded, as the prediction tells."""
        if rgb is None and is_frame(predictions):
            self._lost += 1
            return
        if rgb is None:
            self._faults += [prediction.detail for prediction in predictions if prediction.detail]
            return
        time_s = time_s or 0.0
        read = [(prediction, _seen(prediction, self._labels)) for prediction in predictions if prediction.probabilities]
        self._people.add(time_s, [face for _, face in read])
        for prediction, face in read:
            self._keep_peak(rgb, prediction, face, time_s=time_s)

    def html(self) -> str:
        """The section; the video is over then."""
        everyone = self._people.finish()
        people = "".join(self._person(person) for person in everyone)
        return self._tiles(everyone) + (people or "<section><p>No face was found.</p></section>") + self._folded()

    def _keep_peak(self, rgb: Rgb, prediction: Prediction, face: SeenFace, *, time_s: float) -> None:
        person = self._people.person(face.track)
        if person is None or face.uncertain or prediction.found is None:
            return
        best = int(face.probabilities.argmax())
        score = float(face.probabilities[best])
        if person.peaks[best].wants(score, time_s):
            person.peaks[best].put(score, time_s, face_jpeg(rgb, prediction.found.box_xyxy))

    def _tiles(self, everyone: Sequence[Person[bytes]]) -> str:
        seen = self._people
        people = len(everyone) + len(seen.folded.tracks)
        followed = any(person.track is not None for person in everyone)
        without = f"{seen.frames_without_face:,} frames, {seen.without_face_s:.1f} s"
        tiles = (
            _tile("Length", clock(seen.end_s), "min:s"),
            _tile("Frames read", f"{seen.frames:,}", f"{seen.frames / max(seen.end_s, 1e-9):.1f} a second"),
            _tile("People followed", f"{people:,}" if followed else "none", pluralize(seen.faces, "face") + " read"),
            _tile("Without a face", percent(seen.frames_without_face / max(seen.frames, 1)), without),
            _tile(
                "Uncertain faces",
                percent(seen.uncertain_faces / max(seen.faces, 1)),
                f"{seen.uncertain_faces:,} of {seen.faces:,}",
            ),
            self._not_read(),
        )
        return f'<section class="bare"><dl class="tiles">{"".join(tiles)}</dl></section>'

    def _not_read(self) -> str:
        lost = [pluralize(self._lost, "frame")] if self._lost else []
        if not self._faults and not lost:
            return _tile("Not read", "nothing", "")
        return _tile("Not read", "part of it", "; ".join([*lost, *self._faults]), alarm=True)

    def _person(self, person: Person[bytes]) -> str:
        end_s, width_s = self._people.end_s, person.timeline.width_s
        means = person.timeline.means(end_s)
        colour = css_colour(track_colour(person.track)) if person.track is not None else "transparent"
        who = "All faces (not followed)" if person.track is None else f"Person #{person.track}"
        seen = (
            f"{person.seen_s:.1f} s in view, from {clock(person.first_s)} to {clock(person.last_s)}; "
            f"{pluralize(person.faces, 'face')}"
        )
        title = f"{who}: probability of each expression over {clock(end_s)}. {self._in_words(person)}"
        return (
            f'<article><div class="who"><span class="chip" style="background:{colour}"></span><h2>{escaped(who)}</h2>'
            f'<span class="soft">{seen}</span></div>'
            + chart(means, self._labels, width_s=width_s, end_s=end_s, title=title)
            + self._shares(person)
            + self._peaks(person)
            + "<details><summary>Figures as tables</summary>"
            + table(
                "Time per expression",
                ("expression", "seconds", "share of the time in view"),
                [(name, f"{seconds:.2f}", percent(share)) for name, seconds, share in self._by_time(person)],
            )
            + time_table(means, self._labels, width_s=width_s, end_s=end_s)
            + "</details></article>"
        )

    def _by_time(self, person: Person[bytes]) -> list[tuple[str, float, float]]:
        """(expression, seconds, share), longest first, uncertain last."""
        whole_s = max(person.seen_s, 1e-9)
        ranked = sorted(zip(self._labels, person.seconds.tolist(), strict=True), key=lambda item: -item[1])
        return [(name, seconds, seconds / whole_s) for name, seconds in [*ranked, ("uncertain", person.uncertain_s)]]

    def _in_words(self, person: Person[bytes]) -> str:
        return ", ".join(f"{name} {percent(share)}" for name, seconds, share in self._by_time(person) if seconds > 0)

    def _shares(self, person: Person[bytes]) -> str:
        bars, words = "", ""
        for name, seconds, share in self._by_time(person):
            if seconds <= 0:
                continue
            css, paint = "hatched", ""
            if name != "uncertain":
                css, paint = "", f";background:{css_colour(expression_colour(name, self._labels))}"
            bars += f'<i class="{css}" style="flex-grow:{share:.5f}{paint}"></i>'
            words += f'<li><span class="dot {css}" style="{paint[1:]}"></span>'
            words += f"{escaped(name)} {percent(share)}, {seconds:.{1 if seconds >= 1 else 2}f} s</li>"
        return (
            f'<h3>Share of time</h3><div class="shares" role="img" aria-label="{escaped(self._in_words(person))}">{bars}</div>'
            f'<ul class="list">{words}</ul>'
        )

    def _peaks(self, person: Person[bytes]) -> str:
        figures = ""
        for place in np.argsort(-person.seconds):
            name = self._labels[place]
            edge = css_colour(expression_colour(name, self._labels))
            for peak in person.peaks[place].best:
                alt = f"The face at {clock(peak.time_s)}, read as {name}"
                figures += (
                    f'<li><figure style="--edge:{edge}">{inline_jpeg(peak.item, alt, css="face")}<figcaption>'
                    f"{escaped(name)} {percent(peak.score)}<br>at {clock(peak.time_s)}</figcaption></figure></li>"
                )
        return f'<h3>Clearest moments</h3><ul class="peaks">{figures}</ul>' if figures else ""

    def _folded(self) -> str:
        folded = self._people.folded
        if not folded.tracks:
            return ""
        return (
            f"<section><p>{pluralize(len(folded.tracks), 'more person', 'more people')} in view for {folded.seen_s:.1f} s "
            f"in all, without a chart: a report shows {MOST_PEOPLE}. Every face is in the table of predictions.</p></section>"
        )


def _tile(name: str, value: str, note: str, *, alarm: bool = False) -> str:
    css = ' class="alarm"' if alarm else ""
    return f"<div{css}><dt>{name}</dt><dd>{escaped(value)}<small>{escaped(note)}</small></dd></div>"


def _seen(prediction: Prediction, labels: Sequence[str]) -> SeenFace:
    probabilities = prediction.probabilities or {}
    values = np.array([probabilities[label] for label in labels])
    return SeenFace(prediction.track, values, prediction.is_doubtful)
