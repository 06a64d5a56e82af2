"""A person's probabilities before and after a baseline was subtracted.

`python before_after.py ROWS CORRECTED VIDEO TRACK FIGURE.png` draws the probabilities of both tables over time, one below the
other, and prints the shares of time as Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fercli.coding.recordings import Recording, Track, saved_recordings
from fercli.coding.summary import summaries
from fercli.html.colours import expression_colour
from fercli.media.figures import empty_figure
from fercli.rows.read import read_rows


def person_of(table: Path, video: str, track: int) -> tuple[Recording, Track]:
    """Return a video of a table by its file name, and one of its tracks."""
    recording = next(item for item in saved_recordings(read_rows(table)) if Path(item.source).name == video)
    return recording, next(item for item in recording.tracks if track in item.numbers)


def shares(recording: Recording, track: Track) -> dict[str, float]:
    """Return the shares of time per expression, and of uncertain time."""
    summary = next(item for item in summaries(recording) if item.person == track.person)
    return dict(zip((*recording.classes, "uncertain"), summary.shares.tolist(), strict=True))


def rows(before: dict[str, float], after: dict[str, float]) -> Iterator[str]:
    """Yield the lines of a table in percent, without expressions that never occur."""
    yield from ("| | before | after |", "|---|---|---|")
    for name, share in before.items():
        if share or after[name]:
            yield f"| {name} | {100 * share:.1f} | {100 * after[name]:.1f} |"


def draw(path: Path, panels: Sequence[tuple[str, Recording, Track]]) -> None:
    """Draw the probabilities of every panel, stacked over time."""
    figure = empty_figure(8, 1.9 * len(panels) + 0.4)
    for number, (title, recording, track) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, number, ylim=(0, 1), ylabel="probability")
        axes.set_title(title, fontsize=10, loc="left")
        used = [index for index in range(len(recording.classes)) if track.probabilities[:, index].max() > 0.1]
        names = [recording.classes[index] for index in used]
        colours = [np.array(expression_colour(name, names)) / 255 for name in names]
        times = recording.begin_s[track.frames]
        axes.stackplot(times, track.probabilities[:, used].T, labels=names, colors=colours)
        axes.set_xlim(times[0], times[-1])
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_xlabel("seconds")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    tables, (video, track) = [Path(name) for name in sys.argv[1:3]], (sys.argv[3], int(sys.argv[4]))
    one, two = (person_of(table, video, track) for table in tables)
    print("\n".join(rows(shares(*one), shares(*two))))
    draw(Path(sys.argv[5]), [("before", *one), ("after", *two)])
