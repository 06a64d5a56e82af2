"""What one image's batch mates lent it in, a self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from fercli.data.crops import load_crop
from fercli.explain.faces import Face
from fercli.formatting import percent
from fercli.html.colours import expression_colour
from fercli.html.markup import css_colour, escaped, inline_jpeg, table
from fercli.html.thumbnail import picture_jpeg
from fercli.media.images import Rgb

_SIDE = 96  # px of a face on the page
_CSS = """
.who{display:flex;gap:18px;align-items:flex-start;flex-wrap:wrap}
.mates{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:10px;list-style:none;padding:0;margin:10px 0 0}
.mates li{border:1px solid var(--line);border-radius:6px;padding:5px;font-size:12.5px;line-height:1.35;overflow-wrap:anywhere}
.mates img{display:block;width:100%;border-radius:4px}
.mates b{font-variant-numeric:tabular-nums}
.bar{display:block;height:5px;border-radius:3px;background:var(--accent);margin:4px 0}
table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right;font-variant-numeric:tabular-nums}
th[scope=row]{text-align:left}caption{text-align:left;color:var(--soft)}
"""


@dataclass(frozen=True)
class Mate:
    """An image of the batch: its share of what mates got and of all attention, 0..1, and its own P_VIT logit of the class."""

    face: Face
    among_mates: float
    of_all: float
    logit: float


@dataclass(frozen=True)
class ClassAttention:
    """One class's row of attention, in shares 0..1. own: what the image keeps for itself; mates_get: the rest.

    effective: how many mates share it. same_label: the part of it that goes to mates with the image's label; by_chance: their
    part of the mates.
    """

    name: str
    own: float
    mates_get: float
    effective: float
    same_label: float
    same_label_by_chance: float
    mates: tuple[Mate, ...]


def attention_page(
    face: Face,
    classes: Sequence[ClassAttention],
    *,
    p_vit: Mapping[str, float],
    p_cba: Mapping[str, float],
    network: str,
    batch: int,
    remarks: Sequence[str],
) -> str:
    """Return the page; p_vit and p_cba are the image's probabilities by class."""
    labels = [entry.name for entry in classes]
    pictures: dict[str, str] = {}
    numbers = table(
        "The image alone (P_VIT) and with its batch (P_CBA); softmax, no temperature",
        (
            "class",
            "P_VIT",
            "P_CBA",
            "keeps for itself",
            "mates get",
            "mates that share",
            "of it to the same label",
            "by chance",
        ),
        [
            (
                entry.name,
                percent(p_vit[entry.name]),
                percent(p_cba[entry.name]),
                percent(entry.own),
                _share(entry.mates_get),
                f"{entry.effective:.1f}",
                _share(entry.same_label),
                percent(entry.same_label_by_chance),
            )
            for entry in classes
        ],
    )
    sections = "".join(
        f'<section><h2><span class="dot" style="background:{css_colour(expression_colour(entry.name, labels))}"></span>'
        f"{escaped(entry.name)}</h2>"
        f'<p class="soft">keeps {percent(entry.own)} for itself; mates get {_share(entry.mates_get)}, '
        f"which in effect {entry.effective:.1f} of the {batch - 1} share</p>"
        f'<ol class="mates">{_mates(entry.mates, labels, pictures)}</ol></section>'
        for entry in classes
    )
    style = files("fercli.html").joinpath("report.css").read_text(encoding="utf-8") + _CSS
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Batch attention of {escaped(face.name)}</title><style>{style}</style></head><body><header>"
        f"<h1>Who lent {escaped(face.name)} attention</h1>"
        f'<p class="soft">{escaped(network)}; a batch of {batch} images. For each class, class batch attention mixes the '
        "scores of the images whose embedded maps resemble this one's: the faces below, most attention first. Large figures are "
        f"shares of what all mates get.</p>{''.join(f'<p>{escaped(remark)}</p>' for remark in remarks)}</header>"
        f'<main><section class="who">{_picture(face, pictures)}<div><p>labelled <b>{escaped(face.label)}</b></p>'
        f"{numbers}</div></section>{sections}</main></body></html>"
    )


def _mates(mates: Sequence[Mate], labels: Sequence[str], pictures: dict[str, str]) -> str:
    return "".join(_mate(mate, mates[0].among_mates, labels, pictures) for mate in mates)


def _mate(mate: Mate, most: float, labels: Sequence[str], pictures: dict[str, str]) -> str:
    colour = css_colour(expression_colour(mate.face.label, labels))
    width = 100 * mate.among_mates / most if most else 0
    return (
        f'<li title="{escaped(mate.face.name)}">{_picture(mate.face, pictures)}<span class="bar" style="width:{width:.0f}%"></span>'
        f'<b>{_share(mate.among_mates)}</b><br><span class="soft">{_share(mate.of_all)} of all</span><br>'
        f'<span class="dot" style="background:{colour}"></span>{escaped(mate.face.label)}<br>'
        f'<span class="soft">logit {mate.logit:+.2f}</span></li>'
    )


def _share(share: float) -> str:
    """12 %, 0.4 %, 3.1e-07 %: what is far below a thousandth keeps its size."""
    return percent(share) if share == 0 or share >= 0.001 else f"{100 * share:.1e} %"


def _picture(face: Face, pictures: dict[str, str]) -> str:
    if face.name not in pictures:
        crop: Rgb = load_crop(face.sample, _SIDE)
        pictures[face.name] = inline_jpeg(picture_jpeg(crop, longest=_SIDE), f"{face.label} face", css="face")
    return pictures[face.name]
