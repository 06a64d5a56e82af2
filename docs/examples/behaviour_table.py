"""A table for a paper from a folder of fer predict: `python behaviour_table.py RESULTS CONDITIONS.csv`.

CONDITIONS.csv has the columns video (file name) and condition. Prints Markdown: mean (SD) over people. Needs pandas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def read_people(results: Path, conditions: Path) -> pd.DataFrame:
    """Return one row per track or person of summary.csv, with its condition. Raises: ValueError for a video without one."""
    summary = pd.read_csv(results / "summary.csv", dtype={"track": str, "person": str})
    people = summary[summary["level"] != "video"]
    people = people.assign(video=[Path(source).name for source in people["source"]])
    data = people.merge(pd.read_csv(conditions, dtype=str), on="video", how="left", validate="many_to_one")
    missing = sorted(set(data.loc[data["condition"].isna(), "video"]))
    if missing:
        raise ValueError(f"{conditions} has no condition for {', '.join(missing)}")
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
    print(markdown(table(read_people(Path(sys.argv[1]), Path(sys.argv[2])))))
