"""Read the expression of one aligned face crop with onnxruntime and numpy alone: everything needed is in the file.

python classify.py MODEL.onnx CROP.ppm
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def read_ppm(path: str) -> np.ndarray:
    """A binary PPM picture without comments, the simplest format there is: uint8 [H, W, 3] RGB."""
    kind, width, height, _, pixels = Path(path).read_bytes().split(maxsplit=4)
    if kind != b"P6":
        raise SystemExit(f"{path} is not a binary PPM picture")
    return np.frombuffer(pixels, np.uint8, int(width) * int(height) * 3).reshape(int(height), int(width), 3)


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
    print(json.dumps(classify(sys.argv[1], read_ppm(sys.argv[2]))))
