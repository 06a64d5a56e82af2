"""Read the expressions in a photo with onnxruntime, numpy and Pillow alone: a detector's file and one that aligns faces.

fer export --onnx --input faces --out faces.onnx
python photo.py weights/detector/yunet.onnx faces.onnx PHOTO.jpg
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

SIDE, SCORE, OVERLAP = 640, 0.6, 0.3  # longest side for detection, smallest raw score, of two boxes of one face


def detect(detector: onnxruntime.InferenceSession, picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [K, 4] and points [K, 5, 2] in pixels of the picture, the highest score first."""
    scale = SIDE / max(picture.size)
    small = picture.resize([max(1, round(side * scale)) for side in picture.size])
    canvas = np.zeros((SIDE, SIDE, 3), np.float32)
    canvas[: small.height, : small.width] = small
    [scores], [values] = detector.run(None, {"images": canvas.transpose(2, 0, 1)[None]})  # [N], [14, N]
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = np.mgrid[: SIDE // stride, : SIDE // stride]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full((rows.size, 1), stride))
    found = np.flatnonzero(scores >= SCORE)
    found = found[np.argsort(-scores[found])]
    cell, stride, values = np.concatenate(cells)[found], np.concatenate(strides)[found], values[:, found].T
    centre, half = (cell + values[:, :2]) * stride, np.exp(values[:, 2:4]) * stride / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1) / scale
    points = (cell[:, None] + values[:, 4:].reshape(-1, 5, 2)) * stride[:, None] / scale
    kept: list[int] = []
    for index, box in enumerate(boxes):
        if all(overlap(box, boxes[other]) <= OVERLAP for other in kept):
            kept.append(index)
    return boxes[kept], points[kept]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    shared = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0))
    return float(shared / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared))


def main(detector_file: str, faces_file: str, photo: str) -> None:
    picture = ImageOps.exif_transpose(Image.open(photo))
    if picture.mode.startswith("I;16"):  # 16 bits per pixel, which Pillow would clip
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    picture = picture.convert("RGB")
    detector, network = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]) for file in (detector_file, faces_file)
    )
    card = json.loads(network.get_modelmeta().custom_metadata_map["card"])
    boxes, points = detect(detector, picture)
    for box, five in zip(boxes, points.astype(np.float32), strict=True):
        inputs = {"crops": np.asarray(picture)[None], "points": five[None]}
        [row] = network.run(["probabilities"], inputs)[0]
        probabilities = dict(zip(card["labels"], map(float, row), strict=True))
        print(json.dumps({"box": box.round(1).tolist(), "probabilities": probabilities}))


if __name__ == "__main__":
    main(*sys.argv[1:])
