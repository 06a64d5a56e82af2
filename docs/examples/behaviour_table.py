"""A table for a paper from a folder of fer predict: `python behaviour_table.py RESULTS CONDITIONS.csv`.

CONDITIONS.csv has the columns video (file name, with its folder where two have one name) and condition.
Prints Markdown: mean (SD) over people. Needs pandas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def read_people(results: Path, conditions: Path) -> pd.DataFrame:
    """Return one row per track or person and condition; someone with a name is one person in all videos of a condition.

    Raises: ValueError for a table of conditions without these columns, a video without a condition, and two videos of one name
    that the conditions do not tell apart.
    """
    summary = pd.read_csv(results / "summary.csv", dtype={"track": str, "person": str})
    people = summary[summary["level"] != "video"]
    table = pd.read_csv(conditions, dtype=str, sep=None, engine="python", encoding="utf-8-sig").dropna(how="all")
    if not {"video", "condition"} <= set(table.columns):
        raise ValueError(f"{conditions}: the columns are {', '.join(table.columns)}, not video and condition")
    given = dict(table[["video", "condition"]].itertuples(index=False))
    found = {source: _video(source, given) for source in people["source"].unique()}
    missing = sorted(Path(source).name for source, video in found.items() if video is None)
    if missing:
        raise ValueError(f"{conditions} has no condition for {', '.join(missing)}")
    twice = sorted({str(video) for video in found.values() if list(found.values()).count(video) > 1})
    if twice:
        raise ValueError(f"{conditions}: several videos are called {', '.join(twice)}: add their folders")
    condition = people["source"].map(lambda source: given[found[source]])
    who = people["person"].fillna(people["source"] + " " + people["track"].fillna(""))
    return _one_row_each(people.assign(condition=condition, who=who))


def _video(source: str, given: dict[str, str]) -> str | None:
    """Return the name in the conditions that a path ends in, the longest one."""
    parts = Path(source).parts
    fitting = [name for name in given if parts[-len(Path(name).parts) :] == Path(name).parts]
    return max(fitting, key=len, default=None)


def _one_row_each(people: pd.DataFrame) -> pd.DataFrame:
    """Add up the rows of one person and condition: times and episodes are summed, shares weighted by the time in view."""
    shares = [name for name in people.columns if name.startswith("share_")]
    sums = ["in_view_s", *(name for name in people.columns if name.startswith("episodes_"))]
    weighted = people.assign(**{name: people[name] * people["in_view_s"] for name in shares})
    data = weighted.groupby(["condition", "who"], as_index=False)[[*sums, *shares]].sum()
    data[shares] = data[shares].div(data["in_view_s"], axis=0)
    return data


def table(data: pd.DataFrame) -> pd.DataFrame:
    """Return a row per measure and a column per condition: mean (SD) over people."""
    shares = [name for name in data.columns if name.startswith("share_") and data[name].any()]
    shares.sort(key=lambda name: name == "share_uncertain")  # last
    measures = {f"{name.removeprefix('share_')}, % of time": 100 * data[name] for name in shares}
    for name in (name.replace("share_", "episodes_") for name in shares if name != "share_uncertain"):
        measures[f"{name.removeprefix('episodes_')}, episodes per minute"] = 60 * data[name] / data["in_view_s"]
    groups = pd.DataFrame(measures).groupby(data["condition"])
    means, deviations = groups.mean().T, groups.std().T
    cells = {
        condition: [f"{mean:.1f} ({sd:.1f})" for mean, sd in zip(means[condition], deviations[condition], strict=True)]
        for condition in means.columns
    }
    minutes = data.groupby("condition")["in_view_s"].sum() / 60
    head = pd.DataFrame(
        {name: [str(len(rows)), f"{minutes[name]:.1f}"] for name, rows in data.groupby("condition")},
        index=["people", "minutes in view"],
    )
    return pd.concat([head, pd.DataFrame(cells, index=means.index)])


def markdown(frame: pd.DataFrame) -> str:
    """Return a table as Markdown."""
    lines = [["", *frame.columns], ["---"] * (len(frame.columns) + 1)]
    lines += [[name, *row] for name, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    try:
        print(markdown(table(read_people(Path(sys.argv[1]), Path(sys.argv[2])))))
    except ValueError as error:
        sys.exit(f"error: {error}")
