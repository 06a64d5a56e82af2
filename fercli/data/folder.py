"""Image folders train|val|valid|test/CLASS/*; class names come from folder names and are never guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fercli.config.labels import SCHEMAS, LabelSchema, canonical, misspelled
from fercli.data.align_files import finished_alignment
from fercli.data.dataset import SPLITS, Dataset, Sample, Split, paper_order
from fercli.errors import DataError
from fercli.media.images import list_images

_SPLIT_FOLDERS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
FOLDER_LAYOUT = "train/CLASS/*.png, val/CLASS/*.png, test/CLASS/*.png with CLASS such as happiness"
CLASS_LIST = "classes.txt"  # in the data set's folder: names of class folders that are meant as they are, one per line
# AffectNet's seven classes are its eight without contempt.
_LEFT_OUT = {"affectnet7": {"7", "contempt"}}


def open_folder(
    root: Path, *, labels: LabelSchema | None = None, name: str | None = None, option: str = "--data"
) -> Dataset:
    """Read a folder of split folders of class folders.

    labels: the data set's schema; it fixes the order and lets folders be named by the official codes. Without it the
    order is the paper's (Table 4), then unknown names alphabetically, over the classes that have images.
    option: how the caller's user gives the folder of a named data set, for messages.
    Raises: DataError where there is no split, no image, or a class folder of unknown name; without a schema, where a name
    is probably a misspelled one and CLASS_LIST does not list it.
    """
    splits, alignment = _split_folders(root), finished_alignment(root)
    images_of = {
        (split, folder.name): list_images(folder)
        for split, split_folder in splits.items()
        for folder in sorted(split_folder.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    }
    classes = {folder: _class_name(folder, labels, root, option) for (_, folder), images in images_of.items() if images}
    if labels is None:
        _refuse_misspelled(classes, root)
    if not classes:
        raise DataError(f"{root} has no images in class folders", fix=f"expected layout: {FOLDER_LAYOUT}")
    names = labels.names if labels else paper_order({name for name in classes.values() if name})
    samples = tuple(
        Sample(path=path, split=split, label=names.index(class_name))
        for (split, folder), images in images_of.items()
        if images and (class_name := classes[folder]) is not None
        for path in images
    )
    return Dataset(
        name=name or (labels.name if labels else root.resolve().name),
        schema=labels.name if labels else "folder",
        labels=names,
        samples=samples,
        root=root,
        crop=alignment.settings.crop if alignment else None,
        alignment=alignment.record if alignment else None,
    )


def open_official_folder(root: Path, labels: LabelSchema) -> Dataset:
    """Read the split folders of a data set without an official validation split.

    Where there is no `test`, a folder val or valid holds the official test images under another name, as in many public
    copies: it becomes the `test` split, so that no model is selected on it. Beside a `test` it is a validation split.
    """
    dataset = open_folder(root, labels=labels)
    if dataset.split("test"):
        return dataset
    moved = tuple(replace(sample, split="test") if sample.split == "val" else sample for sample in dataset.samples)
    return replace(dataset, samples=moved)


def given_folder(option: str, name: str, folder: Path | str) -> str:
    """Return how the folder of a named data set is given: `--data DIR`, `--truth NAME=DIR`, or `fer data check NAME DIR`."""
    if option == "--data":
        return f"{option} {folder}"
    return f"{option} {name}={folder}" if option.startswith("--") else f"{option} {name} {folder}"


def _split_folders(root: Path) -> dict[Split, Path]:
    splits: dict[Split, Path] = {}
    for split in SPLITS:
        folders = [root / alias for alias in _SPLIT_FOLDERS[split] if (root / alias).is_dir()]
        if len(folders) > 1:
            raise DataError(f"{root} has both {folders[0].name} and {folders[1].name}", fix="keep one validation split")
        if folders:
            splits[split] = folders[0]
    if not splits:
        raise DataError(f"{root} has no train, val or test folder", fix=f"expected layout: {FOLDER_LAYOUT}")
    return splits


def _class_name(folder: str, labels: LabelSchema | None, root: Path, option: str) -> str | None:
    """Name of the class in a folder; None where the schema leaves it out."""
    if labels is None:
        if folder.isdigit():
            raise DataError(
                f"{root}: class folder {folder!r} is a number, and data sets number their classes differently",
                fix=f"give the name of the data set: one of {', '.join(SCHEMAS)}, as in "
                f"{given_folder(option, 'NAME', root)}",
            )
        return canonical(folder)
    name = canonical(folder)
    if name in labels.names:
        return name
    if folder in labels.codes:
        return labels.names[labels.codes.index(folder)]
    if name in _LEFT_OUT.get(labels.name, ()):
        return None
    meant = misspelled(folder)
    near = f" (did you mean {canonical(meant)}?)" if meant and canonical(meant) in labels.names else ""
    raise DataError(
        f"{root}: {folder!r} is not a class of {labels.name}{near}",
        fix=f"classes: {', '.join(labels.names)}, or the official codes {labels.codes[0]}..{labels.codes[-1]}",
    )


def _refuse_misspelled(folders: Iterable[str], root: Path) -> None:
    """Raise DataError naming every class folder whose name is probably a misspelling."""
    listed = root / CLASS_LIST
    meant_so = {line.strip() for line in listed.read_text("utf-8").splitlines()} if listed.is_file() else set()
    unsure = {folder: meant for folder in folders if folder not in meant_so and (meant := misspelled(folder))}
    if unsure:
        questions = ", ".join(f"{folder!r} (did you mean {meant}?)" for folder, meant in unsure.items())
        raise DataError(
            f"{root}: {'class folder' if len(unsure) == 1 else 'class folders'} of unknown name: {questions}",
            fix=f"rename the folder, or list the names that are meant as they are in {listed}, one per line",
        )
