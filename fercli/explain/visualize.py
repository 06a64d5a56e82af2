"""`fer visualize`: a figure, one or two networks and a data set in; a folder with a picture and its raw numbers out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fercli.data.dataset import Dataset, Split
from fercli.data.open import open_dataset
from fercli.errors import UsageError
from fercli.explain.attention import BatchAttention
from fercli.explain.faces import Face, drawn_faces, named_faces
from fercli.explain.probabilities import Probabilities
from fercli.explain.scorecam import ScoreCam
from fercli.explain.tsne import Tsne
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.weights.network import load_network

Figure = Probabilities | ScoreCam | Tsne | BatchAttention
FACTS_NAME = "figure.json"


@dataclass(frozen=True)
class VisualizeResult:
    """What was drawn: of which networks and images, where the files lie, and what a reader must know."""

    figure: str
    networks: tuple[str, ...]
    images: tuple[str, ...]
    folder: Path
    files: tuple[str, ...]
    remarks: tuple[str, ...]


def visualize(
    figure: Figure,
    weights: Sequence[str],
    data: str,
    out: Path,
    *,
    folder: Path | None = None,
    split: Split = "test",
    images: Sequence[str] = (),
    count: int | None = None,
    names: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> VisualizeResult:
    """Draw a figure of one or two networks (weights, or run folders) on images of a data set, into the new folder `out`.

    images: names of images; left out, `count` of them are drawn by seed. The attention explorer fills its batch by seed.
    names: what the networks are called in the picture. Errors: UsageError for too many networks, RefusedError where `out`
    exists or an optional package is missing, WeightsError where a network lacks a layer, DataError for unknown images.
    """
    least, most = figure.networks
    if not least <= len(weights) <= most:
        wanted = "one network" if most == 1 else "one or two networks"
        raise UsageError(f"{figure.name} shows {wanted}, {len(weights)} were given", fix="-w FILE, once or twice")
    if names and len(names) != len(weights):
        raise UsageError(f"{len(names)} names for {len(weights)} networks", fix="--name once for each -w")
    refuse_existing_folder(out, overwrite=overwrite, mark=FACTS_NAME)
    dataset = open_dataset(data, folder)
    faces = _faces(figure, dataset, split, images, count=count or figure.default_count, seed=seed)
    networks = [load_network(name, device=device) for name in weights]
    figure.check(networks)
    called = tuple(names) or tuple(network.card.name for network in networks)
    if len(set(called)) < len(called):
        called = tuple(f"{name} ({letter})" for name, letter in zip(called, "ab", strict=False))
    with replacing_folder(out) as place:
        remarks = figure.draw(networks, faces, called, place, progress)
        facts = {
            "figure": figure.name,
            "settings": asdict(figure),
            "data": dataset.name,
            "split": split,
            "images": [face.name for face in faces],
            "networks": [
                {"name": name, "file": str(network.source), "state": network.state}
                for name, network in zip(called, networks, strict=True)
            ],
            "remarks": remarks,
        }
        (place / FACTS_NAME).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return VisualizeResult(
        figure=figure.name,
        networks=tuple(
            f"{name}: {network.source}, {network.state}" for name, network in zip(called, networks, strict=True)
        ),
        images=tuple(face.name for face in faces),
        folder=out,
        files=tuple(sorted(path.name for path in out.iterdir())),
        remarks=remarks,
    )


def _faces(
    figure: Figure, dataset: Dataset, split: Split, images: Sequence[str], *, count: int, seed: int
) -> tuple[Face, ...]:
    named = named_faces(dataset, split, images)
    if not isinstance(figure, BatchAttention):
        return named or drawn_faces(dataset, split, count, seed=seed, even=figure.even)
    if len(named) > 1:
        raise UsageError("the attention explorer looks at one image", fix="--image once; --count sets its batch")
    drawn = drawn_faces(dataset, split, count + len(named), seed=seed, even=False)
    return (*named, *(face for face in drawn if face not in named))[:count]
