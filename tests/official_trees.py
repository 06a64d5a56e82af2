"""Small trees of pictures in the official layouts of the data sets, class by class; `conftest.py` offers them.

Every picture is noise whose brightness tells its class, so that a network can learn it and no two are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
# five points of a face in a picture of 100 x 100: eyes, nose, mouth corners
FIVE = ((35.0, 40.0), (65.0, 40.0), (50.0, 58.0), (38.0, 75.0), (62.0, 75.0))


def picture(path: Path, code: int, side: int = 40) -> Path:
    """Write noise as bright as the class's number says; the path decides the noise."""
    draw = np.random.default_rng(list(path.as_posix().encode()[-40:]))
    low = 20 * code
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw.integers(low, low + 40, (side, side, 3), dtype=np.uint8)).save(path)
    return path


def landmarks_68() -> list[float]:
    """68 points whose eyes, nose and mouth corners lie at FIVE; 136 numbers x, y, x, y, ..."""
    points = np.tile([50.0, 90.0], (68, 1))
    points[36:42], points[42:48], points[30], points[48], points[54] = FIVE
    return points.ravel().tolist()


def rafdb(root: Path, *, each: int = 2, images: str = "aligned") -> Path:
    """The official list with Image/aligned, or Image/original with its hand-set landmarks."""
    lines = []
    for split, digits in (("train", 5), ("test", 4)):
        for number in range(7 * each):
            stem, code = f"{split}_{number + 1:0{digits}d}", number % 7 + 1
            lines.append(f"{stem}.jpg {code}")
            suffix = "_aligned" if images == "aligned" else ""
            picture(root / "basic" / "Image" / images / f"{stem}{suffix}.jpg", code, side=100)
            manual = root / "basic" / "Annotation" / "manual" / f"{stem}_manu_attri.txt"
            manual.parent.mkdir(parents=True, exist_ok=True)
            manual.write_text("".join(f"{x}\t{y}\n" for x, y in FIVE) + "0\n1\n2\n")
    (root / "basic" / "EmoLabel").mkdir()
    (root / "basic" / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return root


def rafdb_kaggle(root: Path, *, each: int = 2) -> Path:
    """DATASET/{train,test}/{1..7}, with the csv files that nobody needs."""
    for split in ("train", "test"):
        for code in range(1, 8):
            for number in range(each):
                picture(root / "DATASET" / split / str(code) / f"{split}_{code}{number}_aligned.jpg", code)
        (root / f"{split}_labels.csv").write_text("image,label\n")
    return root


def rafdb_valid(root: Path, *, each: int = 2) -> Path:
    """{train,valid}/{1..7}, as the baseline's code wants it: valid holds the test images."""
    for split in ("train", "valid"):
        for code in range(1, 8):
            for number in range(each):
                picture(root / split / str(code) / f"{split}_{code}{number}.jpg", code)
    return root


def affectnet_csv(root: Path, *, each: int = 2, header: bool = True) -> Path:
    """training.csv and validation.csv with every trap: codes over 7, NULL and negative boxes, rows without landmarks."""
    points = ";".join(f"{value:.1f}" for value in landmarks_68())
    for stem in ("training", "validation"):
        rows = []
        for code in range(11):
            for number in range(each):
                name = f"{number}/{stem}{code}.jpg"
                picture(root / "Manually_Annotated_Images" / name, code, side=100)
                rows.append(f"{name},20,20,60,60,{points},{code},-2,0.5")
        rows[0] = rows[0].replace(points, "NULL")  # only a box
        rows[1] = rows[1].replace("20,20,60,60," + points, "NULL,NULL,NULL,NULL,NULL")
        rows[2 * each - 1] = rows[2 * each - 1].replace("20,20,60,60," + points, "-1,-1,-1,-1,")
        (root / f"{stem}.csv").write_text("\n".join([AFFECTNET_HEADER] * header + rows) + "\n")
    return root


def affectnet_npy(root: Path, *, each: int = 2) -> Path:
    """train_set and val_set with one annotation file an image; codes as text and as numbers, both occur."""
    for folder in ("train_set", "val_set"):
        for number in range(8 * each):
            code = number % 8
            picture(root / folder / "images" / f"{number}.jpg", code)
            annotations = root / folder / "annotations"
            annotations.mkdir(exist_ok=True)
            np.save(annotations / f"{number}_exp.npy", np.array(str(code) if number % 2 else code))
            np.save(annotations / f"{number}_lnd.npy", np.array(landmarks_68()))
    return root


def affectnet_folders(root: Path, *, each: int = 2) -> Path:
    """train and val with folders 0 to 7."""
    for split in ("train", "val"):
        for code in range(8):
            for number in range(each):
                picture(root / split / str(code) / f"{number}.jpg", code)
    return root


def fer2013(root: Path, *, each: int = 2) -> Path:
    """fer2013.csv; the first PrivateTest image is a copy of the first Training image."""
    lines = ["emotion,pixels,Usage"]
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for number in range(7 * each):
            copied = usage == "PrivateTest" and not number
            seed = [number, 0 if copied else ("Training", "PublicTest", "PrivateTest").index(usage)]
            grey = np.random.default_rng(seed).integers(20 * (number % 7), 20 * (number % 7) + 40, 48 * 48)
            lines.append(f"{number % 7},{' '.join(map(str, grey))},{usage}")
    root.mkdir(parents=True, exist_ok=True)
    (root / "fer2013.csv").write_text("\n".join(lines) + "\n")
    return root


def _votes(number: int, each: int) -> list[int]:
    """FERPlus's votes for an image of a split: the last has no winner, the one before shows no face, others all agree."""
    if number == 7 * each - 1:
        return [5, 5] + [0] * 8
    column = 9 if number == 7 * each - 2 else (4, 5, 6, 1, 3, 2, 0)[number % 7]  # FER2013's code to FERPlus's column
    return [10 if place == column else 0 for place in range(10)]


def ferplus(root: Path, *, each: int = 2) -> Path:
    """fer2013.csv with fer2013new.csv beside it; the last row of every split has no winner, the one before shows no face."""
    fer2013(root, each=each)
    lines, row = [VOTES_HEADER], 0
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for number in range(7 * each):
            votes = _votes(number, each)
            name = "" if votes[9] else f"fer{row:07d}.png"
            lines.append(",".join([usage, name, *map(str, votes)]))
            row += 1
    (root / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    return root


def ferplus_folders(root: Path, *, each: int = 2) -> Path:
    """The same pictures and votes as FERPlus' script writes them: what shows no face keeps its line, and has a name here."""
    row = 0
    for folder in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        lines = []
        for number in range(7 * each):
            votes = _votes(number, each)
            picture(root / "data" / folder / f"fer{row:07d}.png", number % 7, side=48)
            lines.append(f'fer{row:07d}.png,"(0, 0, 48, 48)",{",".join(map(str, votes))}')
            row += 1
        (root / "data" / folder / "label.csv").write_text("\n".join(lines) + "\n")
    return root


def expw(root: Path, *, each: int = 12) -> Path:
    """label.lst in its odd order (top, left, right, bottom); every photo shows two faces of one class."""
    lines = []
    for code in range(7):
        for number in range(each):
            name = f"photo_{code}_{number}.jpg"
            picture(root / "image" / "origin" / name, code, side=80)
            lines += [f"{name} 0 10 5 35 40 80.5 {code}", f"{name} 1 30 40 75 70 60 {code}"]
    (root / "label").mkdir()
    (root / "label" / "label.lst").write_text("\n".join(lines) + "\n")
    return root


def caers(root: Path, *, each: int = 2) -> Path:
    """CAER-S: {train,test} with seven named classes."""
    return _caers(root / "CAER-S", "test", each=each)


def caers_valid(root: Path, *, each: int = 2) -> Path:
    """The same with its test images in a folder val."""
    return _caers(root, "val", each=each)


def _caers(root: Path, test: str, *, each: int) -> Path:
    for split in ("train", test):
        for code, name in enumerate(("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")):
            for number in range(each):
                picture(root / split / name / f"{number:04d}.png", code)
    return root


def folder(root: Path, *, each: int = 2) -> Path:
    """{train,val,test} with named classes."""
    for split in ("train", "val", "test"):
        for code, name in enumerate(("happiness", "sadness", "anger")):
            for number in range(each):
                picture(root / split / name / f"{number}.png", 3 * code)
    return root


# layout -> (name of the data set, None where the folder's path is its name; who makes it)
TREES: dict[str, tuple[str | None, Callable[..., Path]]] = {
    "rafdb": ("rafdb", rafdb),
    "rafdb-kaggle": ("rafdb", rafdb_kaggle),
    "rafdb-valid": ("rafdb", rafdb_valid),
    "affectnet7-csv": ("affectnet7", affectnet_csv),
    "affectnet8-csv": ("affectnet8", affectnet_csv),
    "affectnet7-npy": ("affectnet7", affectnet_npy),
    "affectnet8-npy": ("affectnet8", affectnet_npy),
    "affectnet8-folders": ("affectnet8", affectnet_folders),
    "fer2013": ("fer2013", fer2013),
    "ferplus": ("ferplus", ferplus),
    "ferplus-folders": ("ferplus", ferplus_folders),
    "expw": ("expw", expw),
    "caer-s": ("caer-s", caers),
    "caer-s-valid": ("caer-s", caers_valid),
    "folder": (None, folder),
}
