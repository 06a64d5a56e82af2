"""Move the landmarks of a grey face, draw the wrinkles that come with it, and fill an opened mouth.

Pixel coordinates have the centre of the first pixel at 0.

Letters: S side of the picture in pixels, P control points of the spline.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from action_units import Intensities, Points
from numpy.typing import NDArray

GreyFloat = NDArray[np.float32]

STIFFNESS = 2.0  # of the spline: landmarks need not be met exactly, so that a face does not fold
EAR_SIDE = (0, 1, 2, 14, 15, 16)  # points of the jaw beside the ears are left out: they are found less precisely
BORDER_POINTS = 9  # on each edge of the picture, which do not move
GRID = 25  # the spline is evaluated on a grid of this side
LINE_WIDTH = 0.035  # of a wrinkle, in distances between the eye centres
DARKEST = 0.5  # of the skin's brightness that wrinkles take away at most
OPEN_MOUTH = 0.06  # smallest opening that is filled, in distances between the eye centres


@dataclass(frozen=True)
class FaceAxes:
    """Axes of a face in pixels: unit vectors to the right and down, and the distance between the eye centres."""

    right: NDArray[np.float64]
    down: NDArray[np.float64]
    eye_distance: float

    @classmethod
    def of(cls, points: Points) -> FaceAxes:
        eyes = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
        distance = float(np.hypot(*eyes))
        right = eyes / distance
        return cls(right, np.array([-right[1], right[0]]), distance)

    def position(self, origin: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
        """The position x to the right and y below the origin, in distances between the eye centres."""
        return np.asarray(origin + self.eye_distance * (x * self.right + y * self.down))


def express(
    picture: NDArray[np.uint8], points: Points, moved: Points, intensities: Intensities, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Warp a grey face [S, S] by `moved` [68, 2] (distances between the eye centres), draw its wrinkles and fill an opened mouth.

    points: [68, 2] in pixels.
    """
    axes = FaceAxes.of(points)
    target = points + axes.eye_distance * (moved[:, :1] * axes.right + moved[:, 1:] * axes.down)
    face = warped(picture, points, target)
    face *= 1 - wrinkles(target, intensities, axes, len(picture), random)
    opened = intensities.get("25 lips part", 0.0) + intensities.get("26 jaw drop", 0.0) > 0.3
    if opened and _opening(target, axes) > OPEN_MOUTH * axes.eye_distance:
        jaw = intensities.get("26 jaw drop", 0.0)
        face = with_mouth(face, target, axes, lower_teeth=jaw < 0.6, random=random)
    return np.clip(face, 0, 255).astype(np.uint8)


def warped(picture: NDArray[np.uint8], points: Points, target: Points) -> GreyFloat:
    """Move `points` [68, 2] to `target` by a smoothed thin-plate spline (Bookstein, 1989); the border of the picture stays."""
    size = len(picture)
    use = [index for index in range(len(points)) if index not in EAR_SIDE]
    border = _border(size)
    to, source = np.vstack([target[use], border]), np.vstack([points[use], border])  # [P, 2]
    count = len(to)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _spline(to, to) + np.diag(STIFFNESS * (np.arange(count) < len(use)))
    system[:count, count], system[:count, count + 1 :] = 1, to
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([source - to, np.zeros((3, 2))]))
    ticks = np.linspace(0, size - 1, GRID)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    offset = _spline(grid, to) @ weights[:count] + weights[count] + grid @ weights[count + 1 :]
    x, y = _pixels(size)
    scale = np.float32((GRID - 1) / (size - 1))
    field = cv2.remap(
        offset.reshape(GRID, GRID, 2).astype(np.float32),
        x * scale,
        y * scale,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    moved = cv2.remap(picture, x + field[..., 0], y + field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return moved.astype(np.float32)


def wrinkles(
    points: Points, intensities: Intensities, axes: FaceAxes, size: int, random: np.random.Generator
) -> GreyFloat:
    """Share of brightness [S, S] that the wrinkles of the units take away; not all of them appear in each face."""

    def strength(*units: str) -> float:
        return max(0.0, *(intensities.get(unit, 0.0) for unit in units))

    dark = np.zeros((size, size), np.float32)
    width, position = LINE_WIDTH * axes.eye_distance, axes.position

    def draw(share: float, origin: NDArray[np.float64], *offsets: tuple[float, float], wide: float = 1.0) -> None:
        dark[:] += share * soft_line([position(origin, x, y) for x, y in offsets], width * wide, size)

    frown = min(1.6, strength("4 brow lowerer") + 0.6 * strength("9 nose wrinkler"))
    if frown > 0.3 and random.random() < 0.8:
        share = random.uniform(0.08, 0.2) * frown
        for x in (-0.09, 0.09) if random.random() < 0.7 else (0.0,):
            draw(share, points[21:23].mean(axis=0), (x, -0.14), (x * 1.1, 0.06), (x * 0.9, 0.14))
    nose = strength("9 nose wrinkler")
    if nose > 0.3 and random.random() < 0.8:
        share = random.uniform(0.06, 0.16) * nose
        for y in (-0.03, 0.07):
            draw(share, (points[39] + points[42]) / 2, (-0.12, y + 0.02), (0, y - 0.01), (0.12, y + 0.02))
    fold = max(
        strength("9 nose wrinkler", "10 upper lip raiser", "12 lip corner puller"), 0.6 * strength("20 lip stretcher")
    )
    if fold > 0.3 and random.random() < 0.85:
        share = random.uniform(0.08, 0.2) * min(1.5, fold)
        for side, nostril, corner in ((-1, points[31], points[48]), (1, points[35], points[54])):
            path = [
                position(nostril, 0.06 * side, -0.06),
                position(nostril, 0.2 * side, 0.1),
                position(corner, 0.12 * side, -0.02),
            ]
            dark += share * soft_line(path, width * 1.3, size)
    raised = strength("1 inner brow raiser", "2 outer brow raiser")
    if raised > 0.5 and random.random() < 0.7:
        share, half = random.uniform(0.05, 0.14) * raised, 0.4 if strength("2 outer brow raiser") > 0.4 else 0.23
        for y in (-0.22, -0.34):
            draw(share, (points[19] + points[24]) / 2, (-half, y + 0.04), (0, y), (half, y + 0.04))
    if strength("17 chin raiser") > 0.5 and random.random() < 0.6:
        draw(random.uniform(0.05, 0.12), points[57], (-0.14, 0.1), (0, 0.07), (0.14, 0.1), wide=1.2)
    if strength("15 lip corner depressor") > 0.5 and random.random() < 0.6:
        share = random.uniform(0.06, 0.14)
        for side, corner in ((-1, points[48]), (1, points[54])):
            draw(share, corner, (0, 0), (0.06 * side, 0.12))
    return np.clip(cv2.GaussianBlur(dark, (0, 0), 0.6), 0, DARKEST)


def with_mouth(
    face: GreyFloat, points: Points, axes: FaceAxes, *, lower_teeth: bool, random: np.random.Generator
) -> GreyFloat:
    """Fill the opened inner lips: dark, and in two thirds of the faces with upper teeth, in some with lower ones too."""
    size = len(face)
    inside = np.zeros((size * 4, size * 4), np.float32)
    cv2.fillPoly(inside, [np.round((points[60:68] * 4 + 1.5) * 8).astype(np.int32)], 1.0, cv2.LINE_AA, 3)
    inside = cv2.GaussianBlur(cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA), (0, 0), 0.8)
    x, y = np.clip(points[30].astype(int), 3, size - 4)
    skin = float(np.median(face[y - 3 : y + 3, x - 3 : x + 3]))
    hole = np.full((size, size), skin * random.uniform(0.15, 0.35), np.float32)
    if random.random() < 0.65:
        upper, lower = points[61:64].mean(axis=0), points[65:68].mean(axis=0)
        columns, lines = _pixels(size)
        height = max(1e-3, float((lower - upper) @ axes.down))
        depth = (
            (columns - upper[0]) * axes.down[0] + (lines - upper[1]) * axes.down[1]
        ) / height  # 0 upper lip, 1 lower
        teeth, edge = min(245.0, skin * random.uniform(0.95, 1.25)), random.uniform(0.45, 0.8)
        hole = np.where(depth < edge, np.float32(teeth), hole)
        if lower_teeth and random.random() < 0.6:
            hole = np.where(depth > edge + 0.12, np.float32(0.93 * teeth), hole)
        hole = cv2.GaussianBlur(hole, (0, 0), 0.7)
    return np.asarray(face * (1 - inside) + hole * inside)


def soft_line(path: list[NDArray[np.float64]], width: float, size: int) -> GreyFloat:
    """A line through points, 1 in its middle and fading to its sides, [S, S]."""
    line = np.zeros((size * 2, size * 2), np.float32)
    corners = np.round((np.array(path) * 2 + 0.5) * 8).astype(np.int32)
    cv2.polylines(line, [corners], False, 1.0, max(1, round(width * 2)), cv2.LINE_AA, 3)
    line = cv2.GaussianBlur(line, (0, 0), width * 1.2)
    return cv2.resize(line / (line.max() + 1e-6), (size, size), interpolation=cv2.INTER_AREA)


def _opening(points: Points, axes: FaceAxes) -> float:
    """Height of the opening between the inner lips in pixels; negative where they cross."""
    return float((points[65:68].mean(axis=0) - points[61:64].mean(axis=0)) @ axes.down)


def _spline(a: Points, b: Points) -> NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * squared * np.log(squared + 1e-9))


def _border(size: int) -> Points:
    ticks = np.linspace(0, size - 1, BORDER_POINTS)
    return np.array([(x, y) for x in ticks for y in ticks if x in (0, size - 1) or y in (0, size - 1)])


def _pixels(size: int) -> tuple[GreyFloat, GreyFloat]:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y
