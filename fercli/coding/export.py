"""Write the episodes of videos for the tools of behaviour coding: csv, ELAN, Praat, BORIS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fercli import __version__
from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.code import CodedTables, CodedVideo
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.formats.boris import write_boris
from fercli.coding.formats.elan import write_elan
from fercli.coding.formats.praat import write_praat
from fercli.coding.media_links import Media, MediaFolder, link_media, warn_of_missing, within_media
from fercli.coding.tables import with_episode_settings, write_events
from fercli.coding.video_names import short_names
from fercli.errors import UsageError
from fercli.results import who_name
from fercli.rows.run_record import write_settings
from fercli.system.files import free_name, refuse_existing
from fercli.system.names import clash_key


@dataclass(frozen=True)
class Written:
    """The files that were written, and what the user should know about them."""

    paths: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ExportFormat:
    """How to write one format. suffix: of its files; folder: it has one file per video; example: a name for --out."""

    suffix: str
    folder: bool
    example: str
    write: Callable[[_Job], None]


@dataclass(frozen=True)
class _Job:
    """One export. media: folder of the videos, None for where they were when they were read."""

    coded: CodedTables
    out: Path
    options: EpisodeOptions
    media: Path | None
    bom: bool
    overwrite: bool
    written: Written

    @property
    def author(self) -> str:
        return self.coded.run.weights or f"fer {__version__}"

    @property
    def media_folder(self) -> MediaFolder:
        return MediaFolder(self.media, tuple(video.source for video in self.coded.videos))

    def linked_annotations(self, video: CodedVideo, folder: Path) -> tuple[Media, VideoAnnotations]:
        """Return the video as a file in a folder links it, and its episodes."""
        media = link_media(
            video.source,
            folder,
            self.media_folder,
            end_s=video.end_s,
            fps=video.frames_per_second,
            warnings=self.written.warnings,
        )
        return media, within_media(annotations_of(video, media.path), media.length_s)


def export_events(
    coded: CodedTables,
    to: str,
    out: Path,
    options: EpisodeOptions,
    *,
    media: Path | None = None,
    bom: bool = False,
    overwrite: bool = False,
) -> Written:
    """Write the episodes in one format of EXPORTS, and the settings beside them.

    out: the file, or the folder for formats with one file per video. media: folder of the videos.
    Raises: RefusedError if a file exists, UsageError if `out` has another suffix than the format.
    """
    form = EXPORTS[to]
    if form.folder and out.is_file():
        raise UsageError(f"{out} is a file, but --to {to} writes one file per video", fix=f"--out {form.example}")
    if not form.folder and out.suffix != form.suffix:
        raise UsageError(f"{out}: --to {to} writes a {form.suffix} file", fix=f"--out {form.example}")
    if not form.folder:
        refuse_existing(out, overwrite=overwrite)
    job = _Job(coded, out, options, media, bom, overwrite, Written())
    form.write(job)
    if to != "csv":
        warn_of_missing(job.media_folder, job.media_folder.sources, job.written.warnings)
    return job.written


def _write_csv(job: _Job) -> None:
    write_events(job.out, job.coded.episodes, job.coded.run, job.options, bom=job.bom)
    job.written.paths.append(job.out)


def _write_elan(job: _Job) -> None:
    for video, path in _free_paths(job, ".eaf"):
        _, annotations = job.linked_annotations(video, path.parent)
        write_elan(path, annotations, vocabulary=job.coded.classes, author=job.author)
    _write_settings(job)


def _write_praat(job: _Job) -> None:
    for video, path in _free_paths(job, ".TextGrid"):
        media, annotations = job.linked_annotations(video, path.parent)
        write_praat(path, annotations, end_s=media.length_s)
    _write_settings(job)


def _write_boris(job: _Job) -> None:
    videos = [job.linked_annotations(video, job.out.parent) for video in job.coded.videos]
    baseline = {name: value for name, value in job.coded.run.settings.items() if name == "baseline"}
    settings = "; ".join(f"{name}: {value}" for name, value in {**baseline, **job.options.as_settings()}.items())
    write_boris(job.out, videos, behaviours=job.coded.classes, description=f"{job.author}. {settings}")
    job.written.paths.append(job.out)
    write_settings(job.out, with_episode_settings(job.coded.run, job.options))


def annotations_of(video: CodedVideo, media: str) -> VideoAnnotations:
    """Return the episodes of a video as annotations: a tier per person, also without an episode; one without anybody in view."""
    tiers = {
        who_name(person): tuple(
            Annotation(
                episode.expression,
                episode.onset_s,
                episode.offset_s,
                f"peak {episode.peak:.2f} at {episode.apex_s:.2f} s, mean {episode.mean:.2f}",
            )
            for episode in video.episodes
            if episode.person == person
        )
        for person in video.people or [None]
    }
    return VideoAnnotations(media, tiers, video.end_s, note=_note(video))


def _note(video: CodedVideo) -> str:
    """Return whose resting expression was subtracted, and whose was not; empty if nobody's was."""
    people = {summary.person: summary.baseline for summary in video.summaries if summary.level != "video"}
    if not any(people.values()):
        return ""
    having = ", ".join(f"{who_name(person)} ({rest})" for person, rest in people.items() if rest)
    without = ", ".join(who_name(person) for person, rest in people.items() if not rest) or "nobody"
    return f"resting expression subtracted: {having}; not subtracted: {without}"


def _free_paths(job: _Job, suffix: str) -> list[tuple[CodedVideo, Path]]:
    """Return a path for every video, none of which may exist."""
    names = short_names([video.source for video in job.coded.videos])
    for name in names:
        used = {clash_key(path) for path in job.written.paths}
        job.written.paths.append(free_name(job.out / f"{name or 'video'}{suffix}", used))
    for path in job.written.paths:
        refuse_existing(path, overwrite=job.overwrite)
    return list(zip(job.coded.videos, job.written.paths, strict=True))


def _write_settings(job: _Job) -> None:
    write_settings(job.out / "events", with_episode_settings(job.coded.run, job.options))


EXPORTS: dict[str, ExportFormat] = {
    "csv": ExportFormat(".csv", folder=False, example="events.csv", write=_write_csv),
    "elan": ExportFormat(".eaf", folder=True, example="elan", write=_write_elan),
    "praat": ExportFormat(".TextGrid", folder=True, example="praat", write=_write_praat),
    "boris": ExportFormat(".boris", folder=False, example="interviews.boris", write=_write_boris),
}
