"""Defaults that several commands and files share and that belong to no configuration of their own."""

from typing import Literal

CROP_PX = 224  # side of an aligned crop and of btn-base's input, as in the paper
SAVE_EVERY_S = 240.0  # time between checkpoints inside an epoch
ONNX_OPSET = 20  # version of ONNX's operators in exported files

LoggerName = Literal["tensorboard", "wandb", "mlflow"]
