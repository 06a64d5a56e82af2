"""Several processes as one: the same loss and gradients as one process with the whole batch (gloo on the CPU).

Run as a script this file is the driver: it loads torch once and forks the processes, which a test process should not.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from fercli.config.presets import MODELS
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.models.btn import BTN
from fercli.train.optimisation_step import NotFiniteError, OptimisationStep
from fercli.train.process_group import ProcessGroup, split_evenly

RECIPE = TrainConfig(optimizer="sgd", momentum=0.0, lr=0.0, sync_bn=True, loss=LossConfig(label_smoothing=0.1))
CASES = {
    "sam": (RECIPE, 8),
    "uneven": (replace(RECIPE, sam=SamConfig(rho=0.0)), 7),
    "parts": (replace(RECIPE, accumulate=2, sam=SamConfig(rho=0.0)), 8),
    "masked": (replace(RECIPE, sam=SamConfig(rho=0.0)), 7),  # no image attends to itself
    # bounded and supervised attention that corrects the labels, over the whole batch; labels 0, 1, 2 in turn
    "plus": (replace(RECIPE, sam=SamConfig(rho=0.0), loss=LossConfig(attention=1.0, refine=0.5)), 7),
    "permuted": (replace(RECIPE, sam=SamConfig(rho=0.0), loss=LossConfig(refine=0.5, refine_from="permuted")), 7),
    "ema": (replace(RECIPE, sam=SamConfig(rho=0.0), ema=0.9, loss=LossConfig(refine=0.5, refine_from="ema")), 7),
    "broken": (replace(RECIPE, lr=1e-3, sync_bn=False, loss=LossConfig(bt=0, cba=0)), 8),  # the last image is NaN
    "local": (replace(RECIPE, sam=SamConfig(rho=0.0)), 8),  # CBA within each process, as DataParallel has it
}


def test_split_evenly__parts_differ_by_one_at_most_and_lose_nothing():
    assert split_evenly(47, 4) == (12, 12, 12, 11)
    assert split_evenly(2, 4) == (1, 1, 0, 0)


def test_own_part__of_all_processes_in_order_is_the_batch():
    batch = list(range(47))
    shares = [ProcessGroup(rank, 4).own_part(batch) for rank in range(4)]
    assert [row for share in shares for row in share] == batch
    assert [len(share) for share in shares] == list(ProcessGroup(0, 4).part_sizes(47))


def one_step(case: str, group: ProcessGroup) -> dict[str, Any]:
    """Loss and gradients of a case in this process."""
    recipe, count = CASES[case]
    draw = torch.Generator().manual_seed(1)
    images, targets = torch.randn(count, 3, 48, 48, generator=draw), torch.arange(count) % 3
    torch.manual_seed(0)
    config = MODELS["btn-tiny"]
    if case == "broken":
        images[-1] = torch.nan
    cba = replace(config.cba, gather=case != "local", mask_self=case in ("masked", "plus"))
    if case == "plus":
        cba = replace(cba, similarity="cosine")
    model = BTN(replace(config, cba=cba), 3)
    with torch.no_grad():
        model.vit.head.weight.mul_(100)  # logits that differ between images, as after training
    step = OptimisationStep(model, recipe, group=group)
    mine = torch.tensor(list(group.own_part(range(count))))
    if case == "broken":
        before = [p.detach().clone() for p in model.parameters()]
        with pytest.raises(NotFiniteError) as caught:
            step(images[mine], targets[mine], count=count)
        same = all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
        return {"error": str(caught.value), "weights": same}
    # every fourth image has a wrong label, and the second one has none
    labels, truth = targets.clone(), (targets + (torch.arange(count) % 4 == 0)) % 3
    labels[1] = -1
    average = copy.deepcopy(model)
    with torch.no_grad():
        average.vit.head.weight.mul_(-1)  # another teacher than the network itself
    result = step(images[mine], targets[mine], count=count, labels=labels[mine], truth=truth[mine], average=average)
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    buffers = {name: b for name, b in model.named_buffers() if "running" in name}
    return {
        "loss": result.loss,
        "terms": result.terms,
        "correct": result.correct,
        "images": result.images,
        "gradients": gradients,
        "buffers": buffers,
    }


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, int], dict[str, Any]]:
    """The result of `one_step` of every case in every process, by (case, number of processes, rank)."""
    folder = tmp_path_factory.mktemp("processes")
    subprocess.run([sys.executable, __file__, str(folder)], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return {
        (case, size, rank): torch.load(folder / f"{case}-{size}-{rank}.pt")
        for case in CASES
        for size in (1, 2, 4)
        for rank in range(size)
    }


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("case", ["sam", "uneven", "masked", "plus", "permuted", "ema"])
def test_step__of_several_processes_is_that_of_one_with_the_whole_batch(steps: Any, case: str, size: int):
    whole = steps[case, 1, 0]
    for rank in range(size):
        here = steps[case, size, rank]
        assert here["loss"] == pytest.approx(whole["loss"], rel=1e-5)
        assert here["terms"] == pytest.approx(whole["terms"], rel=1e-5)
        assert (here["correct"], here["images"]) == (whole["correct"], whole["images"])
        assert here["gradients"].keys() == whole["gradients"].keys()
        flat = [torch.cat([g.flatten() for g in side["gradients"].values()]) for side in (here, whole)]
        assert float(torch.linalg.vector_norm(flat[0] - flat[1]) / torch.linalg.vector_norm(flat[1])) < 1e-3
        assert torch.cosine_similarity(*flat, dim=0) > 0.999999
        for name, buffer in whole["buffers"].items():
            torch.testing.assert_close(here["buffers"][name], buffer, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_step__without_the_gather_is_another_loss(steps: Any, size: int):
    # what the gather is for: classes are mixed among fewer images, so L_CBA differs, while L_VIT is the same
    alone, apart = steps["local", 1, 0], steps["local", size, 0]
    assert apart["terms"]["vit"] == pytest.approx(alone["terms"]["vit"], rel=1e-5)
    assert abs(apart["terms"]["cba"] - alone["terms"]["cba"]) > 1e-3


@pytest.mark.slow
def test_step__in_parts_leaves_the_same_gradient_in_every_process(steps: Any):
    first, second = (steps["parts", 2, rank] for rank in range(2))
    assert all(torch.equal(second["gradients"][name], value) for name, value in first["gradients"].items())
    assert first["loss"] == second["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 4])
def test_step__that_is_not_finite_in_one_process_raises_in_all_and_moves_nothing(steps: Any, size: int):
    for rank in range(size):
        assert steps["broken", size, rank] == {"error": "the loss became nan", "weights": True}


def _process(rank: int, size: int, folder: Path) -> None:
    meeting = (folder / f"meeting-{size}").as_uri()  # a port that was free may be taken by now
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    for case in CASES:
        torch.save(one_step(case, ProcessGroup(rank, size)), folder / f"{case}-{size}-{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    forks = multiprocessing.get_context("fork")
    for size in (2, 4):
        group = [forks.Process(target=_process, args=(rank, size, Path(sys.argv[1]))) for rank in range(size)]
        for process in group:
            process.start()
        for process in group:
            process.join()
        if any(process.exitcode for process in group):
            sys.exit(f"a process of {size} failed")
    for case in CASES:
        torch.save(one_step(case, ProcessGroup()), Path(sys.argv[1]) / f"{case}-1-0.pt")
