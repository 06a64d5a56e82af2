"""Predictions for the evaluation splits during and after training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.config.training import TrainConfig
from fercli.data.dataset import Split
from fercli.data.loader import CropReader, in_batches
from fercli.models.btn import BTN
from fercli.system.float32 import exact_float32
from fercli.train.components import Components
from fercli.train.inputs import evaluation_input
from fercli.train.process_group import ProcessGroup
from fercli.train.training_errors import explain_failed_step
from fercli.weights.run_folder import RunFolder

# Letters: B images of a split, N classes.


class SplitLogits(NamedTuple):
    """P_VIT float32 [B, N] and the true class indices int64 [B] of a split."""

    logits: NDArray[np.float32]
    truth: NDArray[np.int64]


class Scorer:
    """Predicts the evaluation splits with the weights of an epoch, each split once per epoch."""

    def __init__(self, components: Components, folder: RunFolder, *, workers: int) -> None:
        self.components, self.folder = components, folder
        self._readers = {
            split: CropReader(crops, device=components.device, workers=workers)
            for split, crops in components.data.evaluation.items()
        }
        self._known: dict[tuple[int, Split], SplitLogits] = {}

    def logits(self, epoch: int, split: Split) -> SplitLogits:
        """Return P_VIT and truth of a split with the weights of `epoch`, which the model has loaded."""
        components = self.components
        if (epoch, split) not in self._known:
            with explain_failed_step(f"scoring the {split} images", folder=self.folder, recipe=components.recipe):
                self._known[epoch, split] = predict_crops(
                    components.model, self._readers[split], components.recipe, group=components.group
                )
        return self._known[epoch, split]

    @contextlib.contextmanager
    def scored_weights(self) -> Iterator[None]:
        """Inside the context the model has the weights to score: averaged ones if the recipe averages, the first process's."""
        components = self.components
        if components.ema is None and components.group.size == 1:
            yield
            return
        own = {name: value.clone() for name, value in components.model.state_dict().items()}
        if components.ema is not None:
            components.model.load_state_dict(components.ema.module.state_dict())
        components.group.broadcast(list(components.model.state_dict().values()))
        try:
            yield
        finally:
            components.model.load_state_dict(own)


def predict_crops(model: BTN, reader: CropReader, recipe: TrainConfig, *, group: ProcessGroup) -> SplitLogits:
    """Return P_VIT and truth of every image, in the order of the reader's crops, of which there is one at least.

    All processes get all of them. In float32 whatever the recipe trains in, and with no more images at once than a
    micro-batch of training, so that a model that can be trained can be scored. P_VIT of an image does not depend on the
    other images of the batch.
    """
    device, crops = next(model.parameters()).device, reader.crops
    batch_size = max(1, recipe.batch_size // (recipe.accumulate * group.size))
    batches = in_batches(list(group.own_part(range(len(crops)))), batch_size, drop_last=False)
    logits = [torch.empty(0, model.num_classes)]
    for images, _ in reader.read(batches):
        logits.append(predict_logits(model, evaluation_input(images.to(device, non_blocking=True), model, recipe)))
    own = torch.cat(logits).to(device)
    gathered = group.gather(own, group.part_sizes(len(crops))).cpu().numpy()
    return SplitLogits(gathered, crops.targets.numpy())


@exact_float32
@torch.inference_mode()
def predict_logits(model: BTN, images: Tensor) -> Tensor:
    """Return P_VIT [B, N] of normalised images in evaluation mode, float32 on the CPU, computed without TF32."""
    model.eval()
    return model(images).float().cpu()
