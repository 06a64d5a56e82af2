"""The part of a report about one video: who showed which expression when, peaks, and what could not be decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from fercli.coding.code import CodedVideo, code_video
from fercli.coding.correction import Correction
from fercli.coding.recordings import Recording, RecordingBuilder
from fercli.coding.summary import whole_shares
from fercli.formatting import clock, percent, percents, pluralize, probability_percent
from fercli.html.colours import Colour, expression_colour, track_colour
from fercli.html.pages import render
from fercli.html.parts import Table, Tile
from fercli.html.thumbnail import face_jpeg, picture_jpeg
from fercli.media.images import Rgb
from fercli.predict.people import MAX_PEOPLE, People, Person, SeenFace
from fercli.predict.report.chart import Chart, make_chart, time_table
from fercli.predict.report.coding_tables import episode_table, moment
from fercli.predict.report.overview import VideoOverview, people_text, track_strip, video_overview
from fercli.predict.report.strip import Band
from fercli.results import MIN_TRACK_S, Prediction, Who, is_frame, who_name

_FACE_PX = 64  # of a face in a tooltip
_FACES_OF_ALL = 240  # in the tooltips of all people together, so that pages stay small
_FACES_AT_LEAST = 6  # of one person
_POSTER_PX = 480


@dataclass(frozen=True)
class TimeShare:
    """How long a person showed an expression, and the share of the time in view; colour None: uncertain."""

    name: str
    colour: Colour | None
    seconds: float
    share: float
    percent: str

    @property
    def duration(self) -> str:
        return f"{self.seconds:.{1 if self.seconds >= 1 else 2}f} s"


@dataclass(frozen=True)
class PeakCard:
    """A face at the moment an expression was most probable, as JPEG bytes."""

    colour: Colour
    picture: bytes
    alt: str
    caption: str
    time: Markup


@dataclass(frozen=True)
class PersonCard:
    """What video.html shows of one person; colour None: tracking is off. strip: for the list of people."""

    name: str
    colour: Colour | None
    in_view: str
    summary: str
    strip: tuple[Band, ...]
    chart: Chart
    shares: tuple[TimeShare, ...]
    peaks: tuple[PeakCard, ...]
    tables: tuple[Table, ...]


class VideoSection:
    """Collects one video in memory of 0.1 KB for each face of a frame; `html` returns its part of the page.

    anchor: of links to people, unique in a page. begin_s, until_s: the part of the video that is read. `People` counts times
    from its start, the page shows those of the video. poster: a frame as JPEG, the first with a face.
    player: the page plays the video, so times are links. baseline: resting expressions were to be subtracted.
    """

    def __init__(
        self,
        name: str,
        labels: Sequence[str],
        *,
        begin_s: float = 0.0,
        until_s: float | None = None,
        anchor: str = "person",
        pictures: bool = True,
        player: bool = False,
        correction: Correction | None = None,
        baseline: bool = False,
    ) -> None:
        self._correction, self._baseline = correction, baseline
        self.name, self._begin_s, self._anchor = name, begin_s, anchor
        self._pictures, self._player = pictures, player
        self._labels = tuple(labels)
        self._people: People[bytes] = People(len(self._labels), until_s=None if until_s is None else until_s - begin_s)
        self._faults: list[str] = []
        self._lost_frames = 0
        self._rows = RecordingBuilder(name, labels, until_s=until_s)
        self.poster: bytes | None = None
        self._poster_has_face = False
        self._recording: Recording | None = None
        self.coded: CodedVideo | None = None  # when the section is complete; None: no frame was read
        self.overview: VideoOverview | None = None  # the same

    def add(self, rgb: Rgb | None, predictions: Sequence[Prediction], *, time_s: float | None) -> None:
        """Add a frame; rgb None: it, or the rest of the video, could not be decoded, as the prediction states."""
        if is_frame(predictions):
            for prediction in predictions:
                self._rows.add(prediction)
        since_begin_s = max((time_s or 0.0) - self._begin_s, 0.0)
        if rgb is None and is_frame(predictions):
            self._lost_frames += 1
            self._people.lose(since_begin_s)
            return
        if rgb is None:
            self._faults += [prediction.detail for prediction in predictions if prediction.detail]
            return
        faces = [
            (prediction, _seen(prediction, self._labels)) for prediction in predictions if prediction.probabilities
        ]
        self._people.add(since_begin_s, [face for _, face in faces])
        if not self._pictures:
            return
        if self.poster is None or (faces and not self._poster_has_face):
            self.poster, self._poster_has_face = picture_jpeg(rgb, longest=_POSTER_PX), bool(faces)
        for prediction, face in faces:
            self._keep_pictures(rgb, prediction, face, time_s=since_begin_s)

    def html(self) -> Markup:
        """Return the section; no frame may be added after it."""
        people = self._people.finish()
        if not self._rows.is_empty:
            self._recording = self._rows.recording()
            self.coded = code_video(self._recording, correction=self._correction)
            self.overview = video_overview(self._recording, self.coded)
        faces = max(_FACES_AT_LEAST, _FACES_OF_ALL // max(len(people), 1))
        return render(
            "predict/report/video.html",
            tiles=self._tiles(people),
            people=[self._person(person, faces=faces) for person in people],
            folded=self._folded(),
            anchor=self._anchor,
        )

    def _keep_pictures(self, rgb: Rgb, prediction: Prediction, face: SeenFace, *, time_s: float) -> None:
        person, detection = self._people.person(face.track), prediction.detection
        if person is None or detection is None:
            return
        person.samples.offer(time_s, lambda: face_jpeg(rgb, detection.box_xyxy, side=_FACE_PX))
        if face.uncertain:
            return
        best = int(face.probabilities.argmax())
        score = float(face.probabilities[best])
        if person.peaks[best].wants(score, time_s):
            person.peaks[best].put(score, time_s, face_jpeg(rgb, detection.box_xyxy))

    def _tiles(self, people: Sequence[Person[bytes]]) -> list[Tile]:
        seen = self._people
        everybody = [*(person.track for person in people), *seen.folded.tracks]
        begin_s, end_s = self._span_s()
        without_face = f"{pluralize(seen.frames_without_face, 'frame')}, {seen.without_face_s:.1f} s"
        lost = [pluralize(self._lost_frames, "frame")] if self._lost_frames else []
        unread = [*lost, *self._faults]
        return [
            Tile(
                "Duration",
                clock(end_s - begin_s),
                "min:s" + (f", from {clock(begin_s)} to {clock(end_s)}" if begin_s else ""),
            ),
            Tile("Frames", f"{seen.frames:,}", f"{seen.frames / max(end_s - begin_s, 1e-9):.1f} per second"),
            self._people_tile(everybody),
            Tile("Without a face", percent(seen.frames_without_face / max(seen.frames, 1)), without_face),
            self._uncertain(),
            Tile("Not decoded", "incomplete", "; ".join(unread), alarm=True)
            if unread
            else Tile("Not decoded", "nothing"),
        ]

    def _people_tile(self, everybody: Sequence[Who]) -> Tile:
        """Number of tracks or people, as on the index; those in view for less than half a second are named apart."""
        shown = everybody if self.coded is None else self.coded.people
        faces = pluralize(self._people.faces, "face")
        if len(shown) < len(everybody):
            faces += f", {len(everybody) - len(shown):,} more below {MIN_TRACK_S:g} s"
        if any(isinstance(who, str) for who in everybody):
            return Tile("People and tracks", f"{len(shown):,}", f"{people_text(shown)}, {faces}")
        return Tile("Tracks", "none" if None in everybody else f"{len(shown):,}", faces)

    def _span_s(self) -> tuple[float, float]:
        """Return when the first frame begins and the last one ends."""
        return (self._begin_s, self._begin_s) if self.coded is None else (self.coded.begin_s, self.coded.end_s)

    def _uncertain(self) -> Tile:
        """Share of the time in view, as in summary.csv."""
        whole = self.coded.summaries[-1] if self.coded is not None else None
        if whole is None or not whole.in_view_s:
            return Tile("Uncertain", "0 %", "nobody in view")
        share = percent(whole.uncertain_s / whole.in_view_s)
        return Tile("Uncertain", share, f"{whole.uncertain_s:.1f} of {whole.in_view_s:.1f} s in view")

    def _person(self, person: Person[bytes], *, faces: int) -> PersonCard:
        end_s, width_s = self._people.end_s, person.timeline.width_s
        means = person.timeline.means(end_s)
        name = who_name(person.track)
        pictures = person.samples.at_most(faces)
        shares = self._shares(person)
        who = person.track
        episodes = [] if self.coded is None else [item for item in self.coded.episodes if item.person == who]
        summary = ", ".join(f"{share.name} {share.percent}" for share in shares)
        rows = [(share.name, f"{share.seconds:.2f}", share.percent) for share in shares]
        return PersonCard(
            name=name,
            colour=None if person.number is None else track_colour(person.number),
            in_view=(
                f"{person.seen_s:.1f} s in view, {self._span(person.first_s, person.last_s)}; "
                f"{pluralize(person.faces, 'face')}{self._rest(who)}"
            ),
            summary=summary,
            strip=self._strip(who),
            chart=make_chart(
                means,
                self._labels,
                width_s=width_s,
                end_s=end_s,
                begin_s=self._begin_s,
                title=f"{name}: probability of each expression over {clock(end_s)}",
                summary=summary,
                episodes=episodes,
                faces=pictures,
                faces_every_s=person.samples.every_s,
            ),
            shares=shares,
            peaks=tuple(self._peaks(person)),
            tables=(
                Table("Time per expression", ("expression", "seconds", "share of the time in view"), rows),
                time_table(means, self._labels, width_s=width_s, end_s=end_s, begin_s=self._begin_s),
                episode_table(episodes, linked=self._player),
            ),
        )

    def _rest(self, who: Who) -> str:
        """Return which resting expression was subtracted, if that was asked for."""
        if not self._baseline or self._recording is None:
            return ""
        baseline = next((track.baseline for track in self._recording.tracks if track.person == who), None)
        return (
            "; no resting expression subtracted" if baseline is None else f"; resting expression subtracted: {baseline}"
        )

    def _shares(self, person: Person[bytes]) -> tuple[TimeShare, ...]:
        """Time per expression that was shown, longest first, uncertain last; the percentages add up to 100."""
        seconds = [*person.seconds.tolist(), person.uncertain_s]
        summaries = () if self.coded is None else self.coded.summaries
        for summary in summaries:
            if summary.level != "video" and summary.person == person.track:
                seconds = [*summary.seconds.tolist(), summary.uncertain_s]  # exactly those of summary.csv
        shares = whole_shares(seconds)
        names = (*self._labels, "uncertain")
        ranked = sorted(range(len(names)), key=lambda index: (index == len(self._labels), -seconds[index]))
        texts = percents(shares, 1)
        return tuple(
            TimeShare(
                names[index],
                None if index == len(self._labels) else expression_colour(names[index], self._labels),
                seconds[index],
                shares[index],
                texts[index],
            )
            for index in ranked
            if seconds[index] > 0
        )

    def _peaks(self, person: Person[bytes]) -> Iterator[PeakCard]:
        for index in np.argsort(-person.seconds):
            name = self._labels[index]
            for peak in person.peaks[index].best:
                yield PeakCard(
                    expression_colour(name, self._labels),
                    peak.item,
                    f"Face at {clock(self._begin_s + peak.time_s)}, predicted {name}",
                    f"{name} {probability_percent(peak.score)}",
                    moment(self._begin_s + peak.time_s, linked=self._player),
                )

    def _strip(self, who: Who) -> tuple[Band, ...]:
        recording = self._recording
        if recording is None:
            return ()
        return next((track_strip(recording, track) for track in recording.tracks if track.person == who), ())

    def _span(self, first_s: float, last_s: float) -> str:
        return f"from {clock(self._begin_s + first_s)} to {clock(self._begin_s + last_s)}"

    def _folded(self) -> str | None:
        folded, parts = self._people.folded, []
        if folded.tracks:
            parts.append(
                f"{pluralize(len(folded.tracks), 'more track')}, in view for {folded.seen_s:.1f} s in total, without a chart: "
                f"a report leaves out tracks shorter than {MIN_TRACK_S:g} s and shows at most {MAX_PEOPLE}."
            )
        if folded.brief_faces:
            parts.append(
                f"{pluralize(folded.brief_faces, 'face')} without a track, for {folded.brief_s:.1f} s in total: in view for "
                f"less than {MIN_TRACK_S:g} s. The times of the whole video include them."
            )
        return " ".join([*parts, "The table of predictions has every face."]) if parts else None


def _seen(prediction: Prediction, labels: Sequence[str]) -> SeenFace:
    probabilities = prediction.probabilities or {}
    values = np.array([probabilities[label] for label in labels])
    return SeenFace(prediction.who, values, prediction.is_doubtful, prediction.track)
