"""Recipes of expressions: facial action units as movements of 68 landmarks.

The units have the numbers and names of the Facial Action Coding System (Ekman and Friesen, 1978). The recipes start from its
authors' combinations for each emotion (EMFACS), with changes: unit 7 replaces 6 in happiness, contempt is unit 12 of one side
without 14, and 4, 7, 9, 10, 15, 20 and 43 are added to some negative expressions. How far a point moves is an estimate, in
distances between the eye centres, for a clear expression (intensity 1).

Points are in the order of iBUG's 68: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, outer lips 48-59, inner lips 60-67.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Intensities = dict[str, float]

LEFT = (*range(8), 17, 18, 19, 20, 21, 31, 32, 36, 37, 38, 39, 40, 41, 48, 49, 50, 58, 59, 60, 61, 67)  # of the picture
MIDDLE = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
INNER_BROWS, MIDDLE_BROWS, OUTER_BROWS = (20, 21, 22, 23), (19, 24), (17, 18, 25, 26)
UPPER_LIDS, LOWER_LIDS = (37, 38, 43, 44), (40, 41, 46, 47)
NOSTRILS, CORNERS, INNER_CORNERS = (31, 35), (48, 54), (60, 64)
UPPER_LIP, LOWER_LIP = (50, 51, 52), (56, 57, 58)
INNER_UPPER_LIP, INNER_LOWER_LIP = (61, 62, 63), (65, 66, 67)
JITTER = 0.008  # standard deviation of each point
ASYMMETRY = (0.85, 1.15)  # of each side of a face


@dataclass(frozen=True)
class Move:
    """How far points move with a unit of intensity 1, in distances between the eye centres: outward from the middle, and down."""

    points: tuple[int, ...]
    down: float = 0.0
    outward: float = 0.0


@dataclass(frozen=True)
class Part:
    """A unit of a recipe: its intensity is drawn from low..high, and it occurs with a probability."""

    unit: str
    low: float
    high: float
    probability: float = 1.0


def _smile(*corners: int) -> tuple[Move, ...]:
    """Lip corners that move up and outward (AU 12), of one side or both."""
    beside = {48: ((48, 60), (49, 59)), 54: ((54, 64), (53, 55))}
    moves = []
    for corner in corners:
        ends, lips = beside[corner]
        moves += [Move(ends, -0.10, 0.08), Move(lips, -0.04, 0.03)]
    return tuple(moves)


UNITS: dict[str, tuple[Move, ...]] = {
    "1 inner brow raiser": (Move(INNER_BROWS, -0.13), Move(MIDDLE_BROWS, -0.05)),
    "2 outer brow raiser": (Move(OUTER_BROWS, -0.10), Move(MIDDLE_BROWS, -0.08)),
    "4 brow lowerer": (Move(INNER_BROWS, 0.11, -0.05), Move(MIDDLE_BROWS, 0.08, -0.02), Move(OUTER_BROWS, 0.03)),
    "5 upper lid raiser": (Move(UPPER_LIDS, -0.06), Move(LOWER_LIDS, 0.01)),
    "7 lid tightener": (Move(LOWER_LIDS, -0.035), Move(UPPER_LIDS, 0.02)),
    "9 nose wrinkler": (
        Move(NOSTRILS, -0.06, 0.02),
        Move((30, 32, 33, 34), -0.05),
        Move(INNER_BROWS, 0.07, -0.03),
        Move((39, 42), -0.01),
    ),
    "10 upper lip raiser": (
        Move(UPPER_LIP, -0.10),
        Move(INNER_UPPER_LIP, -0.08),
        Move((49, 53), -0.07),
        Move(NOSTRILS, -0.03),
    ),
    "12 lip corner puller": _smile(48, 54),
    "12 left": _smile(48),
    "12 right": _smile(54),
    "15 lip corner depressor": (Move(CORNERS + INNER_CORNERS, 0.09, 0.01), Move((49, 53, 59, 55), 0.04)),
    "17 chin raiser": (
        Move(LOWER_LIP + INNER_LOWER_LIP + INNER_UPPER_LIP, -0.045),
        Move((7, 8, 9), -0.03),
        Move(UPPER_LIP, -0.015),
    ),
    "20 lip stretcher": (Move(CORNERS + INNER_CORNERS, 0.02, 0.10), Move((49, 53, 59, 55), 0.0, 0.05)),
    "24 lip pressor": (
        Move(UPPER_LIP, 0.045),
        Move(LOWER_LIP, -0.045),
        Move((49, 53), 0.02),
        Move(CORNERS, 0.0, -0.03),
    ),
    "25 lips part": (Move(INNER_UPPER_LIP, -0.025), Move(INNER_LOWER_LIP + LOWER_LIP, 0.07)),
    "26 jaw drop": (
        Move(INNER_LOWER_LIP + LOWER_LIP, 0.18),
        Move((55, 59), 0.10),
        Move((6, 7, 8, 9, 10), 0.16),
        Move(CORNERS, 0.04, -0.03),
    ),
    "43 eye closure": (Move(UPPER_LIDS, 0.02),),  # only a lowered lid
}

_FROWN = (Part("4 brow lowerer", 0.9, 2.0), Part("5 upper lid raiser", 0.4, 1.2, 0.4))
_DISGUST = (
    Part("9 nose wrinkler", 0.8, 1.9),
    Part("10 upper lip raiser", 0.7, 1.7),
    Part("4 brow lowerer", 0.2, 0.9),
    Part("7 lid tightener", 0.6, 1.6),
    Part("15 lip corner depressor", 0.0, 0.9),
)
_SADNESS = (
    Part("1 inner brow raiser", 0.5, 1.6),
    Part("4 brow lowerer", 0.2, 1.2),
    Part("15 lip corner depressor", 0.5, 1.8),
    Part("17 chin raiser", 0.2, 1.3),
    Part("43 eye closure", 0.5, 2.0),
)

Recipe = tuple[Part, ...]
RECIPES: dict[str, tuple[tuple[float, Recipe], ...]] = {  # for each class, recipes with their probabilities
    "anger": (
        (  # pressed lips
            0.39,
            (
                *_FROWN,
                Part("7 lid tightener", 0.6, 1.6),
                Part("24 lip pressor", 0.7, 1.7),
                Part("17 chin raiser", 0.3, 1.3),
                Part("15 lip corner depressor", 0.1, 0.6, 0.4),
            ),
        ),
        (  # bared teeth
            0.21,
            (
                *_FROWN,
                Part("7 lid tightener", 0.6, 1.6),
                Part("10 upper lip raiser", 0.4, 1.0),
                Part("25 lips part", 0.5, 1.3),
                Part("20 lip stretcher", 0.0, 0.6),
                Part("15 lip corner depressor", 0.1, 0.6, 0.4),
            ),
        ),
        (  # shouting
            0.4,
            (
                *_FROWN,
                Part("7 lid tightener", 0.2, 1.4),
                Part("10 upper lip raiser", 0.3, 1.2),
                Part("25 lips part", 0.5, 1.3),
                Part("26 jaw drop", 0.4, 1.5),
                Part("20 lip stretcher", 0.0, 0.8),
                Part("9 nose wrinkler", 0.2, 0.9, 0.5),
            ),
        ),
    ),
    "disgust": (
        (0.5, (*_DISGUST, Part("17 chin raiser", 0.6, 1.4))),
        (0.5, (*_DISGUST, Part("25 lips part", 0.3, 0.9))),
    ),
    "fear": (
        (
            1.0,
            (
                Part("1 inner brow raiser", 0.7, 1.6),
                Part("2 outer brow raiser", 0.3, 1.1),
                Part("4 brow lowerer", 0.2, 0.9),
                Part("5 upper lid raiser", 0.9, 2.0),
                Part("20 lip stretcher", 0.6, 1.7),
                Part("25 lips part", 0.3, 1.6),
                Part("26 jaw drop", 0.0, 1.2),
            ),
        ),
    ),
    "sadness": (
        (0.75, _SADNESS),
        (  # crying
            0.25,
            (
                *_SADNESS,
                Part("7 lid tightener", 0.5, 1.4),
                Part("10 upper lip raiser", 0.2, 0.8),
                Part("20 lip stretcher", 0.2, 0.8),
                Part("25 lips part", 0.3, 1.0),
            ),
        ),
    ),
    "surprise": (
        (
            1.0,
            (
                Part("1 inner brow raiser", 0.6, 1.4),
                Part("2 outer brow raiser", 0.6, 1.4),
                Part("5 upper lid raiser", 0.5, 1.6),
                Part("26 jaw drop", 0.5, 1.9),
            ),
        ),
    ),
    "happiness": (
        (
            1.0,
            (
                Part("12 lip corner puller", 0.7, 1.6),
                Part("7 lid tightener", 0.0, 0.8),
                Part("25 lips part", 0.3, 0.9, 0.4),
            ),
        ),
    ),
    "contempt": ((0.5, (Part("12 left", 0.6, 1.4),)), (0.5, (Part("12 right", 0.6, 1.4),))),
}
FAINT_UNITS = tuple(name for name in UNITS if not name.startswith(("12", "26")))
FAINT = 0.35  # largest intensity of the units of a face that stays neutral, in either direction
FAINT_COUNT = 3


def draw_intensities(label: str, random: np.random.Generator) -> Intensities:
    """Draw the units of an expression; for `neutral` a few faint ones, so that warped faces are of all classes."""
    if label == "neutral":
        names = random.choice(FAINT_UNITS, FAINT_COUNT, replace=False)
        return {str(name): float(random.uniform(-FAINT, FAINT)) for name in names}
    choices = RECIPES[label]
    recipe = choices[random.choice(len(choices), p=[probability for probability, _ in choices])][1]
    return {
        part.unit: float(random.uniform(part.low, part.high)) for part in recipe if random.random() < part.probability
    }


def displacements(intensities: Intensities) -> Points:
    """Movement of the points [68, 2] in distances between the eye centres: x to the right of the picture, y down the face."""
    moved = np.zeros((68, 2))
    for unit, intensity in intensities.items():
        for move in UNITS[unit]:
            for point in move.points:
                moved[point, 0] += intensity * move.outward * (-1 if point in LEFT else 1)
                moved[point, 1] += intensity * move.down
    return moved


def varied(moved: Points, random: np.random.Generator) -> Points:
    """The movement with noise, and with one side moving more than the other."""
    moved = moved + random.normal(0, JITTER, moved.shape)
    left, right = random.uniform(*ASYMMETRY), random.uniform(*ASYMMETRY)
    index = np.arange(len(moved))
    sides = np.select([np.isin(index, LEFT), np.isin(index, MIDDLE)], [left, (left + right) / 2], right)
    return np.asarray(moved * sides[:, None])
