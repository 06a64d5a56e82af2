"""What is published of every data set: where it is applied for, how its folder looks, how many images each class has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fercli.config.labels import schema
from fercli.data import affectnet, caers, expw, ferplus_folders, rafdb
from fercli.data.records import Split


@dataclass(frozen=True)
class Published:
    """The facts of one data set, for a user who has it or wants it.

    get: where it is applied for. layout: how its folder must look. counts: images per split and class, empty where no
    count is known; total: per class over all splits, where the owner has no splits. certain: whether the counts are
    confirmed by the owner's own lists. copies: images of a split that are known to be in train too.
    note: what a user should know before comparing numbers.
    """

    name: str
    get: str
    layout: str
    counts: Mapping[Split, Mapping[str, int]] = field(default_factory=dict)
    total: Mapping[str, int] = field(default_factory=dict)
    certain: bool = True
    copies: Mapping[Split, int] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        known = set(schema(self.name).names)
        if any(set(classes) != known for classes in (*self.counts.values(), *([self.total] if self.total else []))):
            raise ValueError(f"published counts of {self.name} are not of its classes")


def _in_order(name: str, *counts: int) -> dict[str, int]:
    """Counts in the order of the owner's codes, by class name."""
    return dict(zip(schema(name).names, counts, strict=True))


_AFFECTNET = "apply at http://mohammadmahoor.com/affectnet/"
_AFFECTNET_TRAIN = (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750)
_AFFECTNET_NOTE = (
    "The owner's validation images are the test split, as in the literature; the true test set was never published. "
    "Papers count 3,999 or 4,000 of them (contempt: 499 or 500), and 291,568 images in all is an inherited misprint for "
    "291,651."
)

PUBLISHED: dict[str, Published] = {
    published.name: published
    for published in (
        Published(
            name="rafdb",
            get="apply at http://www.whdeld.cn/RAF/model1.html",
            layout=rafdb.LAYOUT,
            counts={
                "train": _in_order("rafdb", 1290, 281, 717, 4772, 1982, 705, 2524),
                "test": _in_order("rafdb", 329, 74, 160, 1185, 478, 162, 680),
            },
            note=(
                "The lineage of POSTER++ trains on crops aligned by MTCNN; the owner's 100 x 100 crops give other numbers."
            ),
        ),
        Published(
            name="affectnet7",
            get=_AFFECTNET,
            layout=affectnet.LAYOUT,
            counts={
                "train": _in_order("affectnet7", *_AFFECTNET_TRAIN[:7]),
                "test": _in_order("affectnet7", *[500] * 7),
            },
            note=_AFFECTNET_NOTE,
        ),
        Published(
            name="affectnet8",
            get=_AFFECTNET,
            layout=affectnet.LAYOUT,
            counts={
                "train": _in_order("affectnet8", *_AFFECTNET_TRAIN),
                "test": _in_order("affectnet8", *[500] * 8),
            },
            note=_AFFECTNET_NOTE,
        ),
        Published(
            name="fer2013",
            get="the csv is Kaggle's ICML-2013 challenge",
            layout="fer2013.csv, or made by: fer data prepare fer2013 FER2013.csv",
            counts={
                "train": _in_order("fer2013", 3995, 436, 4097, 7215, 4830, 3171, 4965),
                "val": _in_order("fer2013", 467, 56, 496, 895, 653, 415, 607),
                "test": _in_order("fer2013", 491, 55, 528, 879, 594, 416, 626),
            },
            copies={"val": 280, "test": 288},
            note="Training, PublicTest and PrivateTest are train, val and test.",
        ),
        Published(
            name="ferplus",
            get="images: Kaggle's ICML-2013 challenge; votes: https://github.com/microsoft/FERPlus",
            layout=(
                "fer2013.csv beside fer2013new.csv, or " + ferplus_folders.LAYOUT + ", "
                "or made by: fer data prepare fer2013 FER2013.csv --ferplus fer2013new.csv"
            ),
            counts={
                "train": _in_order("ferplus", 8740, 7287, 3149, 3014, 2100, 119, 532, 119),
                "val": _in_order("ferplus", 1182, 865, 415, 351, 287, 24, 62, 13),
                "test": _in_order("ferplus", 1090, 893, 396, 384, 273, 18, 83, 16),
            },
            copies={"val": 251, "test": 259},
            note="Counts of the majority rule: single votes dropped, a class wins with more than half of the rest.",
        ),
        Published(
            name="expw",
            get="see https://mmlab.ie.cuhk.edu.hk/projects/socialrelation/",
            layout=expw.LAYOUT,
            total=_in_order("expw", 3671, 3995, 1088, 30_537, 10_559, 7060, 34_883),
            certain=False,
            note=(
                "The owner has no splits: 20 % of the photos are test and 10 % val, by the sha256 of their file names, all "
                "faces of a photo together. Numbers in papers come from other splits."
            ),
        ),
        Published(
            name="caer-s",
            get="apply at https://caer-dataset.github.io/",
            layout=caers.LAYOUT,
            note=(
                "Frames show more than the face: fer align cuts it out. About 70,000 frames; quoted sizes differ "
                "(47,966 + 20,868 and 44,996 + 20,987)."
            ),
        ),
    )
}
