"""The page of the batch-attention explorer: which images of its batch one image attends to, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fercli.data.crops import load_crop
from fercli.explain.images import LabelledImage
from fercli.formatting import percent
from fercli.html.colours import Colour, expression_colour
from fercli.html.pages import render
from fercli.html.parts import Table
from fercli.html.thumbnail import picture_jpeg

_FACE_PX = 96  # side of a face on the page


@dataclass(frozen=True)
class AttendedImage:
    """Another image of the batch: its share of the attention to other images and of all attention, 0..1.

    logit: its own P_VIT logit of the class.
    """

    image: LabelledImage
    of_others: float
    of_all: float
    logit: float


@dataclass(frozen=True)
class ClassAttention:
    """One class's row of attention, in shares 0..1. own: to the image itself; to_others: to the other images.

    effective: effective number of other images. same_label: share of to_others that goes to images with the same label;
    same_label_by_chance: the share of such images in the batch.
    """

    name: str
    own: float
    to_others: float
    effective: float
    same_label: float
    same_label_by_chance: float
    images: tuple[AttendedImage, ...]


@dataclass(frozen=True)
class _FacePicture:
    name: str
    label: str
    picture: bytes


@dataclass(frozen=True)
class _ImageCard:
    """Another image of the batch as the template shows it. width: of its bar, in percent of the largest."""

    face: _FacePicture
    colour: Colour
    width: int
    among_others: str
    of_all: str
    logit: str


@dataclass(frozen=True)
class _ClassSection:
    name: str
    colour: Colour
    summary: str
    images: list[_ImageCard]


def attention_page(
    image: LabelledImage,
    classes: Sequence[ClassAttention],
    *,
    p_vit: Mapping[str, float],
    p_cba: Mapping[str, float],
    network: str,
    batch_size: int,
    remarks: Sequence[str],
) -> str:
    """Return the page; p_vit and p_cba are the image's probabilities by class."""
    pictures = _Pictures()
    labels = [entry.name for entry in classes]
    return render(
        "explain/attention_page.html",
        title=f"Batch attention of {image.name}",
        subtitle=f"{network}; a batch of {batch_size} images",
        intro=(
            "For each class, class batch attention mixes the scores of the images whose embedded maps resemble this "
            "one's. Below are these images, highest attention first. The large percentages are shares of the attention "
            "that all other images of the batch get."
        ),
        remarks=remarks,
        face=pictures.of(image),
        numbers=_numbers(classes, p_vit, p_cba),
        classes=[_section(entry, labels, pictures, others=batch_size - 1) for entry in classes],
    )


class _Pictures:
    """Thumbnails of images, each made once."""

    def __init__(self) -> None:
        self._made: dict[str, _FacePicture] = {}

    def of(self, image: LabelledImage) -> _FacePicture:
        if image.name not in self._made:
            picture = picture_jpeg(load_crop(image.sample, _FACE_PX), longest=_FACE_PX)
            label = image.label if image.true_label is None else f"{image.label}, wrong: {image.true_label}"
            self._made[image.name] = _FacePicture(image.name, label, picture)
        return self._made[image.name]


def _numbers(classes: Sequence[ClassAttention], p_vit: Mapping[str, float], p_cba: Mapping[str, float]) -> Table:
    head = (
        "class",
        "P_VIT",
        "P_CBA",
        "to itself",
        "to others",
        "effective number",
        "to same label",
        "by chance",
    )
    rows = [
        (
            entry.name,
            percent(p_vit[entry.name]),
            percent(p_cba[entry.name]),
            percent(entry.own),
            _share(entry.to_others),
            f"{entry.effective:.1f}",
            _share(entry.same_label),
            percent(entry.same_label_by_chance),
        )
        for entry in classes
    ]
    caption = (
        "Probabilities of the image alone (P_VIT) and with its batch (P_CBA), softmax without temperature; "
        "then its attention"
    )
    return Table(caption, head, rows)


def _section(entry: ClassAttention, labels: Sequence[str], pictures: _Pictures, *, others: int) -> _ClassSection:
    largest = entry.images[0].of_others if entry.images else 0.0
    summary = (
        f"{percent(entry.own)} of the attention stays with the image, {_share(entry.to_others)} goes to others: "
        f"effectively {entry.effective:.1f} of {others}"
    )
    images = [
        _ImageCard(
            face=pictures.of(attended.image),
            colour=expression_colour(attended.image.label, labels),
            width=round(100 * attended.of_others / largest) if largest else 0,
            among_others=_share(attended.of_others),
            of_all=_share(attended.of_all),
            logit=f"{attended.logit:+.2f}",
        )
        for attended in entry.images
    ]
    return _ClassSection(entry.name, expression_colour(entry.name, labels), summary, images)


def _share(share: float) -> str:
    """12 %, 0.4 %, 3.1e-07 %: what is far below a thousandth keeps its magnitude."""
    return percent(share) if share == 0 or share >= 0.001 else f"{100 * share:.1e} %"
