"""ELAN annotation files (.eaf, format 3.0): one tier per person, with the expressions as a controlled vocabulary.

Layout: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np

from fercli.coding.annotations import SPAN_TIER, Annotation, VideoAnnotations
from fercli.coding.formats.plain_names import plain_name, with_plain_names
from fercli.errors import DataError
from fercli.system.files import replacing

_AGAIN = "open it in ELAN and save it again"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE, _PLAIN_TYPE, _VOCABULARY = "expression", "span", "expressions"
_MIME_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".mkv": "video/x-matroska"}


def write_elan(path: Path, video: VideoAnnotations, *, vocabulary: Sequence[str], author: str) -> None:
    """Write one video; `video.video` is the path of the media relative to the folder of the file.

    Annotations are sorted, and times rounded to milliseconds, which ELAN counts in; none is shorter than 1 ms.
    """
    ET.register_namespace("xsi", _INSTANCE)
    video, author = with_plain_names(video), plain_name(author)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    root = ET.Element("ANNOTATION_DOCUMENT", AUTHOR=author, DATE=now, FORMAT="3.0", VERSION="3.0")
    root.set(f"{{{_INSTANCE}}}noNamespaceSchemaLocation", _SCHEMA)
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    suffix = PurePosixPath(video.video).suffix.lower()
    relative = video.video if video.video.startswith((".", "/")) else f"./{video.video}"
    ET.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        MEDIA_URL=relative,
        RELATIVE_MEDIA_URL=relative,
        MIME_TYPE=_MIME_TYPES.get(suffix, "unknown"),
    )
    count = _add_tiers(root, video, author)
    ET.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(count)
    if video.note:
        ET.SubElement(header, "PROPERTY", NAME="note").text = video.note
    _add_types(root, vocabulary)
    ET.indent(root)
    with replacing(path) as temporary:
        ET.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)


def _add_tiers(root: ET.Element, video: VideoAnnotations, author: str) -> int:
    """Add the times and the tiers, that of the parts to code last; returns the number of annotations."""
    times = ET.SubElement(root, "TIME_ORDER")
    tiers = dict(video.tiers)
    if video.spans is not None:
        tiers[SPAN_TIER] = tuple(Annotation("code this", *span) for span in video.spans)
    count = 0
    slots: list[tuple[int, str]] = []
    for name, of_tier in tiers.items():
        kind = _PLAIN_TYPE if name == SPAN_TIER else _TYPE
        tier = ET.SubElement(root, "TIER", LINGUISTIC_TYPE_REF=kind, PARTICIPANT=name, TIER_ID=name, ANNOTATOR=author)
        for annotation in sorted(of_tier, key=lambda item: item.onset_s):
            count += 1
            onset_ms = round(annotation.onset_s * 1000)
            offset_ms = max(round(annotation.offset_s * 1000), onset_ms + 1)
            begin, end = f"ts{2 * count - 1}", f"ts{2 * count}"
            slots += [(onset_ms, begin), (offset_ms, end)]
            holder = ET.SubElement(tier, "ANNOTATION")
            item = ET.SubElement(
                holder, "ALIGNABLE_ANNOTATION", ANNOTATION_ID=f"a{count}", TIME_SLOT_REF1=begin, TIME_SLOT_REF2=end
            )
            ET.SubElement(item, "ANNOTATION_VALUE").text = annotation.label
    for time_ms, slot in sorted(slots):
        ET.SubElement(times, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time_ms))
    return count


def _add_types(root: ET.Element, vocabulary: Sequence[str]) -> None:
    common = {"TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ET.SubElement(root, "LINGUISTIC_TYPE", common, LINGUISTIC_TYPE_ID=_TYPE, CONTROLLED_VOCABULARY_REF=_VOCABULARY)
    ET.SubElement(root, "LINGUISTIC_TYPE", common, LINGUISTIC_TYPE_ID=_PLAIN_TYPE)
    language = "http://cdb.iso.org/lg/CDB-00130975-001"
    ET.SubElement(root, "LANGUAGE", LANG_DEF=language, LANG_ID="und", LANG_LABEL="undetermined (und)")
    entries = ET.SubElement(root, "CONTROLLED_VOCABULARY", CV_ID=_VOCABULARY)
    ET.SubElement(entries, "DESCRIPTION", LANG_REF="und")
    for number, name in enumerate(dict.fromkeys(map(plain_name, vocabulary))):
        entry = ET.SubElement(entries, "CV_ENTRY_ML", CVE_ID=f"cveid{number}")
        ET.SubElement(entry, "CVE_VALUE", LANG_REF="und", DESCRIPTION="").text = name


def read_elan(path: Path) -> list[VideoAnnotations]:
    """Read the aligned annotations of all tiers; tiers of one participant are one person. Times are those of the video.

    Raises: DataError if the file is not an ELAN file.
    """
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise DataError(f"{path}: not an ELAN file ({error})", fix=_AGAIN) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"{path}: not an ELAN file (it is {root.tag})", fix=_AGAIN)
    try:
        slots = {slot.get("TIME_SLOT_ID", ""): _seconds(slot) for slot in root.iter("TIME_SLOT")}
    except ValueError as error:
        raise DataError(f"{path}: a time slot is no number of milliseconds ({error})", fix=_AGAIN) from error
    tiers: dict[str, list[Annotation]] = {}
    for tier in root.iter("TIER"):
        person = (tier.get("PARTICIPANT") or tier.get("TIER_ID") or "").strip()
        if tier.get("TIER_ID") == SPAN_TIER:
            person = SPAN_TIER
        tiers.setdefault(person, []).extend(_aligned(tier, slots))
    name, origin_s = _media(root)
    if origin_s:
        tiers = {
            person: [
                replace(item, onset_s=item.onset_s + origin_s, offset_s=item.offset_s + origin_s) for item in items
            ]
            for person, items in tiers.items()
        }
    spans = tiers.pop(SPAN_TIER, None)
    return [
        VideoAnnotations(
            name or path.stem,
            {person: tuple(sorted(items, key=lambda item: item.onset_s)) for person, items in tiers.items()},
            spans=None if spans is None else tuple((item.onset_s, item.offset_s) for item in spans),
        )
    ]


def _seconds(slot: ET.Element) -> float:
    """Return the time of a slot; NaN if it has none."""
    text = slot.get("TIME_VALUE")
    return float("nan") if text is None else int(text) / 1000


def _aligned(tier: ET.Element, slots: Mapping[str, float]) -> Iterator[Annotation]:
    """Yield the annotations of a tier. Slots without a time divide the time between their neighbours evenly, as in ELAN."""
    items = [
        (
            item.get("TIME_SLOT_REF1", ""),
            item.get("TIME_SLOT_REF2", ""),
            (item.findtext("ANNOTATION_VALUE") or "").strip(),
        )
        for item in tier.iter("ALIGNABLE_ANNOTATION")
    ]
    used = list(dict.fromkeys(slot for first, second, _ in items for slot in (first, second)))
    times = np.array([slots.get(slot, np.nan) for slot in used])
    known = np.flatnonzero(np.isfinite(times))
    if len(known):
        # in the order of the annotations, which those of a subdivided one follow
        filled = np.interp(np.arange(len(times)), known, times[known])
        times = np.where(np.isfinite(times), times, filled)
    time_s = dict(zip(used, times.tolist(), strict=True))
    for first, second, label in items:
        if label and time_s[second] > time_s[first]:
            yield Annotation(label, time_s[first], time_s[second])


def _media(root: ET.Element) -> tuple[str, float]:
    """Return the path of the first linked video, and at which of its seconds the time of the annotations begins."""
    media = root.find(".//MEDIA_DESCRIPTOR")
    if media is None:
        return "", 0.0
    path = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    origin_ms = media.get("TIME_ORIGIN") or "0"
    return unquote(path), int(origin_ms) / 1000 if origin_ms.lstrip("-").isdigit() else 0.0
