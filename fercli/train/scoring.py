"""A model and a split in, its answers and the truth out; several processes share the work and all get the whole."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fercli.config.training import TrainConfig
from fercli.data.loader import Crops, in_batches, loader
from fercli.models.btn import BTN
from fercli.train.distributed import World
from fercli.train.loop import predict_logits, prepare_unchanged

Answers = tuple[NDArray[np.float32], NDArray[np.int64]]  # P_VIT [B, N] and truth [B]


def answers(model: BTN, crops: Crops, recipe: TrainConfig, *, world: World, workers: int) -> Answers:
    """P_VIT and truth of every image, in the order of `crops`, which must not be empty.

    In float32 whatever the recipe trains in, and never more images at once than a part of a training step has, so that what
    can be trained can be scored: an answer does not depend on the images beside it.
    """
    device = next(model.parameters()).device
    at_once = max(1, recipe.batch_size // (recipe.accumulate * world.size))
    batches = in_batches(list(world.share(range(len(crops)))), at_once, drop_last=False)
    logits = [torch.empty(0, model.num_classes)]
    for pictures, _ in loader(crops, batches, device=device, workers=workers):
        images = prepare_unchanged(pictures.to(device, non_blocking=True), model, recipe)
        logits.append(predict_logits(model, images))
    here = torch.cat(logits).to(device)
    return world.gather(here, world.sizes(len(crops))).cpu().numpy(), crops.targets.numpy()
