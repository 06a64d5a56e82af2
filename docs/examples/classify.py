"""Read the expression of one aligned face crop with onnxruntime, numpy and Pillow alone: everything needed is in the file.

python classify.py MODEL.onnx CROP.jpg
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read_picture(path: str) -> np.ndarray:
    """A picture of any format that Pillow reads, as it is meant to be seen: uint8 [H, W, 3] RGB."""
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I;16"):  # 16 bits per pixel, which Pillow would clip
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except OSError as error:
        raise SystemExit(f"{path} is not a picture ({error})") from error


def normalise(crop: np.ndarray, card: dict) -> np.ndarray:
    """What a file that takes `images` wants: float32 [1, 3, S, S], as the card says."""
    wanted = card["model"]["input"]
    if crop.shape != (wanted["size"], wanted["size"], 3):
        raise SystemExit(f"this file takes crops of {wanted['size']} x {wanted['size']} px")
    planes = crop.transpose(2, 0, 1).astype(np.float32) / 255
    if wanted["colour"] == "grey":
        planes = np.repeat(
            (planes * np.array([[[0.299]], [[0.587]], [[0.114]]], np.float32)).sum(axis=0)[None], 3, axis=0
        )
    mean, deviation = (np.array(wanted[name], np.float32).reshape(3, 1, 1) for name in ("mean", "std"))
    return ((planes - mean) / deviation)[None]


def classify(model: str, crop: np.ndarray) -> dict[str, float]:
    """Probability of every expression, by name."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    card = json.loads(metadata["card"])
    if metadata.get("interface") == "faces":
        raise SystemExit(
            f"{model} takes pictures with five points of a face; this example takes a file that was exported with "
            "--input images or --input crops"
        )
    if metadata.get("interface") == "crops":  # any size; preprocessing and softmax are inside
        [row] = session.run(["probabilities"], {"crops": crop[None]})[0]
    else:
        [logits] = session.run(["logits"], {"images": normalise(crop, card)})[0] / card["temperature"]
        row = np.exp(logits - logits.max())
        row /= row.sum()
    return {label: float(probability) for label, probability in zip(card["labels"], row, strict=True)}


if __name__ == "__main__":
    print(json.dumps(classify(sys.argv[1], read_picture(sys.argv[2]))))
