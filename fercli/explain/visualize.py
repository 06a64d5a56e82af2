"""`fer visualize`: draw a figure of one or two networks on images of a data set, with its raw numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fercli.data.dataset import Dataset, Split
from fercli.data.open import open_dataset
from fercli.errors import UsageError
from fercli.explain.attention import BatchAttention
from fercli.explain.images import LabelledImage, named_images, sampled_images
from fercli.explain.probabilities import Probabilities
from fercli.explain.scorecam import ScoreCam
from fercli.explain.trained_labels import with_trained_labels
from fercli.explain.tsne import Tsne
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing_folder, replacing_folder
from fercli.system.json_file import write_json
from fercli.weights.network import load_network

Figure = Probabilities | ScoreCam | Tsne | BatchAttention
FIGURE_NAME = "figure.json"


@dataclass(frozen=True)
class VisualizeOptions:
    """Which images a figure shows, and how its networks are named.

    images: names of images; without them `count` (the figure's default if None) are sampled by seed. The attention explorer
    fills its batch with sampled images. names: of the networks in the plot, default: those on their cards.
    """

    split: Split = "test"
    images: Sequence[str] = ()
    count: int | None = None
    names: Sequence[str] = ()
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class VisualizeResult:
    """What was drawn: of which networks and images, into which files, and remarks on how to read it."""

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
    options: VisualizeOptions = VisualizeOptions(),
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> VisualizeResult:
    """Draw a figure of one or two networks (weights, or run folders) into the new folder `out`.

    Raises: UsageError for a wrong number of networks or names, RefusedError if `out` exists or an optional package is
    missing, WeightsError if a network lacks a layer, DataError for unknown images.
    """
    fewest, most = figure.networks
    if not fewest <= len(weights) <= most:
        needed = "one network" if most == 1 else "one or two networks"
        raise UsageError(f"{figure.name} shows {needed}, {len(weights)} were given", fix="-w FILE, once or twice")
    if options.names and len(options.names) != len(weights):
        raise UsageError(f"{len(options.names)} names for {len(weights)} networks", fix="--name once for each -w")
    refuse_existing_folder(out, overwrite=overwrite, mark=FIGURE_NAME)
    dataset = open_dataset(data, folder)
    if isinstance(figure, BatchAttention):
        dataset = with_trained_labels(dataset, weights[0])
    images = _images(figure, dataset, options)
    networks = [load_network(name, device=options.device) for name in weights]
    figure.check(networks)
    names = tuple(options.names) or tuple(network.card.name for network in networks)
    if len(set(names)) < len(names):
        names = tuple(f"{name} ({letter})" for name, letter in zip(names, "ab", strict=False))
    with replacing_folder(out) as temporary:
        remarks = figure.draw(networks, images, names, temporary, progress)
        record = {
            "figure": figure.name,
            "settings": asdict(figure),
            "data": dataset.name,
            "split": options.split,
            "images": [image.name for image in images],
            "networks": [
                {"name": name, "file": str(network.source), "state": network.description}
                for name, network in zip(names, networks, strict=True)
            ],
            "remarks": remarks,
        }
        write_json(temporary / FIGURE_NAME, record)
    return VisualizeResult(
        figure=figure.name,
        networks=tuple(
            f"{name}: {network.source}, {network.description}" for name, network in zip(names, networks, strict=True)
        ),
        images=tuple(image.name for image in images),
        folder=out,
        files=tuple(sorted(path.name for path in out.iterdir())),
        remarks=remarks,
    )


def _images(figure: Figure, dataset: Dataset, options: VisualizeOptions) -> tuple[LabelledImage, ...]:
    split, seed, count = options.split, options.seed, options.count or figure.default_count
    named = named_images(dataset, split, options.images)
    if not isinstance(figure, BatchAttention):
        return named or sampled_images(dataset, split, count, seed=seed, balanced=figure.balanced)
    if len(named) > 1:
        raise UsageError("the attention explorer explains one image", fix="--image once; --count is its batch size")
    sampled = sampled_images(dataset, split, count + len(named), seed=seed, balanced=False)
    return (*named, *(image for image in sampled if image not in named))[:count]
