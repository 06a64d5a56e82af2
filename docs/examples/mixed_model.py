"""From rows of fer predict to a mixed model: `python mixed_model.py PREDICTIONS.csv PEOPLE.csv`.

The rows are of a neutral and a smiling photo of every person (NEUTRAL/001.jpg, SMILING/001.jpg), PEOPLE.csv has their gender.
Needs pandas and statsmodels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

SMALLEST = 1e-6  # probabilities are written with six decimals


def read_data(predictions: Path, people: Path) -> pd.DataFrame:
    """Return one row per photo: person, gender, condition, and the logit of the probability of happiness."""
    rows = pd.read_csv(predictions)
    rows = rows[rows["status"].isin(["ok", "uncertain"]) & (rows["face"] == 0)]
    parts = rows["source"].str.extract(r"(?P<condition>\w+)/(?P<person>\w+)\.jpg$")
    p = rows["p_happiness"].clip(SMALLEST, 1 - SMALLEST)
    data = parts.assign(happiness=np.log(p / (1 - p)))
    return data.merge(pd.read_csv(people, dtype=str), on="person", validate="many_to_one")


def fit(data: pd.DataFrame):
    """Return the fit: happiness by condition and gender, with a random intercept per person."""
    return smf.mixedlm("happiness ~ condition * gender", data, groups=data["person"]).fit(reml=True)


def table(data: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation and number of people by gender and condition, for a paper."""
    return data.groupby(["gender", "condition"])["happiness"].agg(["mean", "std", "count"]).round(2)


if __name__ == "__main__":
    data = read_data(Path(sys.argv[1]), Path(sys.argv[2]))
    print(table(data).to_string(), end="\n\n")
    print(fit(data).summary())
