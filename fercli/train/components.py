"""What a run trains with: network, optimisation step, averaged weights and teachers, built from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from fercli.config.training import TrainConfig
from fercli.errors import UsageError
from fercli.models.btn import BTN, training_network
from fercli.train.ema import averaged_model
from fercli.train.inputs import memory_format
from fercli.train.losses import class_weights, log_class_prior, other_loss
from fercli.train.optimisation_step import OptimisationStep
from fercli.train.process_group import ProcessGroup
from fercli.train.starting_weights import load_starting_weights
from fercli.train.teachers import Teacher, open_teachers
from fercli.train.training_data import TrainingData
from fercli.weights.run_folder import RunConfig


@dataclass
class Components:
    """The parts of a run that its loop uses. started_from: the files the weights were loaded from, for the card."""

    config: RunConfig
    data: TrainingData
    group: ProcessGroup
    device: torch.device
    model: BTN
    step: OptimisationStep
    ema: AveragedModel | None
    teachers: tuple[Teacher, ...]
    started_from: tuple[dict[str, Any], ...]

    @property
    def recipe(self) -> TrainConfig:
        return self.config.train

    def batches(self, epoch: int) -> list[list[int]]:
        """Return the indices of an epoch's batches over all processes."""
        return self.data.batches(epoch, self.config, self.group)

    def origin(self, schedules: list[int]) -> dict[str, Any]:
        """Return the provenance of the weights for their cards, besides the recipe."""
        teachers = [{"file": teacher.path.name, "sha256": teacher.sha256} for teacher in self.teachers]
        origin: dict[str, Any] = {"started_from": self.started_from, "schedules": schedules}
        return origin | ({"teachers": teachers} if teachers else {})


def build_components(data: TrainingData, config: RunConfig, *, group: ProcessGroup, device: torch.device) -> Components:
    """Build a run's parts on the device; UsageError for losses the model cannot have, WeightsError for unusable weights."""
    recipe, counts = config.train, data.class_counts()
    model = _new_network(config, len(data.dataset.labels))
    started_from = tuple(load_starting_weights(model, config.init))
    model.to(device).to(memory_format=memory_format(recipe))
    teachers = open_teachers(config.teachers, data.dataset.labels, device)
    weights = class_weights(counts, recipe.loss.class_weight)
    step = OptimisationStep(
        model,
        recipe,
        group=group,
        class_weights=None if weights is None else weights.to(device),
        log_prior=log_class_prior(counts).to(device) if recipe.loss.logit_adjustment else None,
    )
    return Components(
        config=config,
        data=data,
        group=group,
        device=device,
        model=model,
        step=step,
        ema=averaged_model(model, recipe.ema) if recipe.ema else None,
        teachers=teachers,
        started_from=started_from,
    )


def _new_network(config: RunConfig, classes: int) -> BTN:
    """The network with random weights from the recipe's seed, and the training-only parts its losses need."""
    loss = config.train.loss
    if loss.other:
        other_loss(loss.other)  # an unknown name is refused before the first step
    if loss.uses_batch_transformer and config.model.ablate.mla_only != "none":
        raise UsageError(
            f"ablate.mla_only={config.model.ablate.mla_only} is a model without the batch transformer, but its losses are on",
            fix="--set loss.bt=0 --set loss.cba=0 --set loss.distill=0",
        )
    torch.manual_seed(config.train.seed)
    return training_network(config.model, classes, loss)
