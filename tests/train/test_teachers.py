"""Knowledge distillation: targets mixed with the predictions of teachers, exact resuming, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset
from fercli.data.loader import Crops
from fercli.data.open import open_dataset
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.progress import StepProgress, TeacherProgress, TrainEvent
from fercli.train.options import TrainOptions
from fercli.train.process_group import ProcessGroup
from fercli.train.teachers import mix_in_teachers, open_teachers
from fercli.train.train import train
from fercli.weights.classifier import open_torch
from fercli.weights.files import load_weights, save_weights
from fercli.weights.run_folder import RunConfig

RECIPE = replace(
    RECIPES["compact"], epochs=1, batch_size=4, validation=0.0, select="last", sam=SamConfig(rho=0.0), loss=LossConfig()
)
CPU, CPU_DEVICE = TrainOptions(device="cpu"), torch.device("cpu")


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Dataset:
    return open_dataset(str(two_classes(train=6, test=2)))


@pytest.fixture
def teacher(faces: Dataset, tmp_path: Path) -> Path:
    """A network trained for one epoch, with the classes in the other order."""
    config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=RECIPE, init=())
    weights = train(faces, tmp_path / "teacher", config=config, options=CPU).weights
    state, card = load_weights(weights)
    for name in ("vit.head.weight", "vit.head.bias"):
        state[name] = state[name].flip(0)
    out = tmp_path / "teacher.safetensors"
    save_weights(out, state, replace(card, labels=card.labels[::-1], temperature=3.0))
    return out


def config_with(teacher: Path, recipe: TrainConfig = RECIPE, *, share: float = 0.5) -> RunConfig:
    recipe = replace(recipe, loss=replace(recipe.loss, teacher=share))
    return RunConfig(
        dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=(), teachers=(str(teacher),)
    )


def test_mix_in_teachers__is_the_mean_over_a_face_and_its_mirror_image_by_class_name(faces: Dataset, teacher: Path):
    samples = faces.split("train")
    crops = Crops(samples, torch.tensor([sample.label for sample in samples]), 48)
    events: list[TeacherProgress] = []
    opened = open_teachers([str(teacher)], faces.labels, CPU_DEVICE)
    mixed = mix_in_teachers(
        crops, faces.labels, opened, share=0.25, group=ProcessGroup(), device=CPU_DEVICE, report=events.append
    )
    classifier = open_torch(teacher, device="cpu")
    assert classifier.card.labels == ("sadness", "happiness")
    for sample, row in zip(samples, mixed, strict=True):
        crop = load_crop(sample, 48)
        logits = classifier.logits(np.stack([crop, crop[:, ::-1]])).astype(np.float64)
        sadness = float((1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))).mean())
        truth = float(faces.labels[sample.label or 0] == "sadness")
        expected = 0.75 * truth + 0.25 * sadness
        assert row[faces.labels.index("sadness")].item() == pytest.approx(expected, abs=1e-6)
    assert torch.allclose(mixed.sum(dim=1), torch.ones(len(samples)))
    assert [(event.done, event.total) for event in events] == [(12, 12)]


def test_mix_in_teachers__several_are_averaged_and_distributions_stay_distributions(faces: Dataset, teacher: Path):
    samples = faces.split("train")
    other = teacher.with_name("other.safetensors")
    state, card = load_weights(teacher)
    state["vit.head.bias"] = state["vit.head.bias"] + torch.tensor([2.0, 0.0])
    save_weights(other, state, card)
    votes = Crops(samples, torch.full((len(samples), 2), 0.5), 48)

    def mixed_targets(*teachers: Path) -> torch.Tensor:
        opened = open_teachers([str(path) for path in teachers], faces.labels, CPU_DEVICE)
        return mix_in_teachers(
            votes, faces.labels, opened, share=1.0, group=ProcessGroup(), device=CPU_DEVICE, report=lambda _: None
        )

    assert torch.allclose(mixed_targets(teacher, other), (mixed_targets(teacher) + mixed_targets(other)) / 2)
    assert not torch.allclose(mixed_targets(teacher), mixed_targets(other), atol=0.01)


@pytest.mark.slow
def test_train__with_a_teacher_differs_and_the_card_names_it(faces: Dataset, teacher: Path, tmp_path: Path):
    plain = train(faces, tmp_path / "plain", config=config_with(teacher, share=0.0), options=CPU)
    distilled = train(faces, tmp_path / "distilled", config=config_with(teacher), options=CPU)
    first, second = load_weights(plain.weights), load_weights(distilled.weights)
    assert any(not torch.equal(first[0][name], second[0][name]) for name in first[0])
    digest = json.loads((tmp_path / "distilled" / "config.json").read_text())["teachers_sha256"]
    assert second[1].provenance["teachers"] == [{"file": "teacher.safetensors", "sha256": digest[0]}]


@pytest.mark.slow
def test_train__a_distilled_run_resumes_to_the_same_bits_and_refuses_another_teacher(
    faces: Dataset, teacher: Path, tmp_path: Path
):
    class KilledError(Exception):
        pass

    def killed(event: TrainEvent) -> None:
        if isinstance(event, StepProgress):
            raise KeyboardInterrupt

    whole = train(faces, tmp_path / "whole", config=config_with(teacher), options=CPU)
    with pytest.raises(KeyboardInterrupt):
        train(faces, tmp_path / "cut", config=config_with(teacher), options=replace(CPU, save_every_s=0), report=killed)
    resumed = train(faces, tmp_path / "cut", config=config_with(teacher), options=replace(CPU, resume=True))
    first, second = load_weights(whole.weights)[0], load_weights(resumed.weights)[0]
    assert all(torch.equal(first[name], second[name]) for name in first)
    state, card = load_weights(teacher)
    save_weights(teacher, state, replace(card, version="2"))
    with pytest.raises(UsageError, match="teachers_sha256"):
        train(faces, tmp_path / "cut", config=config_with(teacher), options=replace(CPU, resume=True))


def test_train__refuses_a_teacher_of_other_classes(faces: Dataset, teacher: Path, tmp_path: Path):
    state, card = load_weights(teacher)
    save_weights(teacher, state, replace(card, labels=("sadness", "anger"), prior={}))
    with pytest.raises(WeightsError, match="sadness, anger"):
        train(faces, tmp_path / "run", config=config_with(teacher), options=CPU)
    assert not (tmp_path / "run").exists()
    with pytest.raises(WeightsError, match="no weights"):
        train(faces, tmp_path / "run", config=config_with(tmp_path / "none.safetensors"), options=CPU)


@pytest.mark.slow
def test_train__uses_teachers_only_after_everything_that_can_be_refused(faces: Dataset, teacher: Path, tmp_path: Path):
    teacher_events: list[TeacherProgress] = []

    def listen(event: TrainEvent) -> None:
        if isinstance(event, TeacherProgress):
            teacher_events.append(event)

    first = train(faces, tmp_path / "run", config=config_with(teacher), options=CPU, report=listen)
    assert teacher_events
    assert first.seconds["teach"] > 0
    teacher_events.clear()
    with pytest.raises(RefusedError, match="already contains a run"):
        train(faces, tmp_path / "run", config=config_with(teacher), options=CPU, report=listen)
    train(faces, tmp_path / "run", config=config_with(teacher), options=replace(CPU, resume=True), report=listen)
    assert not teacher_events, "a run that is done is scored again without its teachers"


def test_mix_in_teachers__two_processes_predict_half_the_images_each(faces: Dataset, teacher: Path):
    crops = Crops(faces.split("train"), torch.zeros(12, 2), 48)
    opened = open_teachers([str(teacher)], faces.labels, CPU_DEVICE)
    parts: list[torch.Tensor] = []

    class RecordingGroup(ProcessGroup):
        def gather(self, rows: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
            if self.size == 1:
                return rows
            assert len(rows) == sizes[self.rank] == 6
            parts.append(rows)
            return torch.zeros(sum(sizes), 2)

    def mixed_targets(group: ProcessGroup) -> torch.Tensor:
        return mix_in_teachers(
            crops, faces.labels, opened, share=1.0, group=group, device=CPU_DEVICE, report=lambda _: None
        )

    whole = mixed_targets(RecordingGroup())
    for rank in (0, 1):
        mixed_targets(RecordingGroup(rank, 2))
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.slow
def test_train__learns_from_teachers_on_every_device(device: str, faces: Dataset, teacher: Path, tmp_path: Path):
    result = train(faces, tmp_path / "run", config=config_with(teacher), options=TrainOptions(device=device))
    assert result.seconds["teach"] > 0
