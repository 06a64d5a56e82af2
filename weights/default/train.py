"""Train one trunk with three heads: FERPlus's votes, the labels of FER2013's owner, and a posed teacher's predictions.

    python weights/default/train.py images.pt --init start.safetensors --answers answers --teachers "v5=1,0,0 s1=0.7,1,1" \
        --out runs/heads --minutes 75

images.pt   from `prepare.py`.
--init      a state with three heads, or a .safetensors file with one, which is copied to all three.
--answers   the folder of `answers.py`; --teachers names those to use, with a weight for each head. The target of a head is
            (1 - t) labels + t teachers, t of TAUGHT. The posed head learns from teachers and synthetic expressions
            only. Synthetic expressions train it and the owner's head with their own target, without a teacher.
--synthetic number of random faces of `synthesize.py` in each epoch; --portraits repeats of the portraits in each epoch.
--minutes   length of the run. The schedule is a function of the time used, so a slow machine makes fewer steps instead of an
            unfinished run. `--resume` goes on from the last checkpoint with the time that is left.

Writes last.pt, the state of the averaged weights, and one at each of the --looks validations.

Letters: M pictures, B of them in a batch, H heads, N classes, S side.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from crops import random_crops
from heads import CLASSES, EXPRESSION, HEADS, PORTRAIT_REPEATS, Images, ThreeHeads, sample
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fercli.config.presets import RECIPES
from fercli.config.training import AugmentConfig
from fercli.train.augment import erase
from fercli.train.ema import averaged_model
from fercli.train.optimizers import make_optimizer, set_learning_rate
from fercli.train.random_numbers import BatchRandom, seeded_generator
from fercli.train.schedule import cosine_factor

ERASE = AugmentConfig(erase=0.15, erase_scale=(0.02, 0.1))
HEAD_WEIGHTS = torch.tensor((1.0, 0.6, 0.4))
TAUGHT = torch.tensor((0.5, 0.5, 1.0))
IMAGE_WEIGHT = 0.3  # of the image branch's own heads
SMOOTHING = 0.1  # of the owner's labels
BACKBONE_LR = 0.2
WARM_UP = 0.03  # of the run
LAST_LR = 0.02
BATCH = 256  # images of a validation step


@dataclass(frozen=True)
class Answers:
    """The teachers' mean probabilities [M, H, N], and which heads they teach, [H]."""

    mean: Tensor
    taught: Tensor


@dataclass
class Progress:
    """How far a run is: seconds used, steps done, epoch and position in it, validations done."""

    used: float = 0.0
    step: int = 0
    epoch: int = 0
    at: int = 0
    looks: int = 0


def read_answers(folder: Path, weights: dict[str, tuple[float, ...]]) -> Answers:
    """Weighted mean of the teachers' answers for each head."""
    total: Tensor | float = 0.0
    shares = torch.zeros(len(HEADS))
    for name, values in weights.items():
        answer = torch.load(folder / f"{name}.pt").float()
        weight = torch.tensor(values)
        total = total + answer.expand(-1, len(HEADS), -1) * weight.view(1, -1, 1)
        shares = shares + weight
    return Answers(torch.as_tensor(total) / shares.clamp_min(1e-9).view(1, -1, 1), (shares > 0).float())


def heads_loss(
    logits: Tensor,
    images: Images,
    rows: Tensor,
    answers: Answers | None,
    log_prior: Tensor,
    *,
    votes_share: float = 1.0,
) -> Tensor:
    """Mean loss of logits [B, H, N]: cross-entropies with labels and teachers, weighted by head.

    log_prior [N] is added to the logits of the owner's head for its labels (balanced softmax), so that the head itself assumes
    no class shares. Synthetic expressions get no prior and no label smoothing, and teachers for the votes' head alone;
    votes_share multiplies their loss of that head.
    """
    logits = logits.float()
    expression = images.kind[rows] == EXPRESSION  # [B]
    real = (~expression).float()
    smoothing = (SMOOTHING * real).unsqueeze(1)
    own = images.own[rows] * (1 - smoothing) + smoothing / len(CLASSES)
    of_votes = _cross_entropy(logits[:, 0], images.votes[rows]) * images.has_votes[rows]
    of_owner = _cross_entropy(logits[:, 1] + log_prior * real.unsqueeze(1), own)
    of_posed = _cross_entropy(logits[:, 2], own) * expression
    losses = torch.stack([of_votes, of_owner, of_posed], dim=1)  # [B, H]
    if answers is not None:
        share = (TAUGHT * answers.taught).repeat(len(rows), 1)  # [B, H]
        share[:, 1:] *= real.unsqueeze(1)
        losses = (1 - share) * losses + share * _cross_entropy(logits, answers.mean[rows])
    weights = HEAD_WEIGHTS.repeat(len(rows), 1)
    weights[expression, 0] *= votes_share
    return (losses * weights).sum(dim=1).mean()


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=-1)).sum(dim=-1)


@torch.no_grad()
def validate(model: ThreeHeads, images: Images) -> str:
    """Overall and mean class accuracy on the validation images: votes, votes + 0.5 owner, and the owner on his own labels."""
    model.eval()
    rows = images.validation()
    logits = []
    for part in rows.split(BATCH):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits.append(model(model.normalise(sample(images.imgs[part], images.whole[part]))).float())
    log = torch.cat(logits).log_softmax(dim=2)
    owner = (log[:, 1, :-1].argmax(dim=1) == images.owner[rows]).float().mean()
    texts = [_accuracies(scores, images.label[rows]) for scores in (log[:, 0], log[:, 0] + 0.5 * log[:, 1])]
    return f"votes {texts[0]}, mixed {texts[1]}, owner {100 * owner:.2f}"


def _accuracies(scores: Tensor, truth: Tensor) -> str:
    right = (scores.argmax(dim=1) == truth).float()
    means = [right[truth == index].mean() for index in truth.unique()]
    return f"{100 * right.mean():.2f} ({100 * torch.stack(means).mean():.1f})"


class Run:
    """A training run: network, averaged weights, optimizer and progress."""

    def __init__(self, options: argparse.Namespace, images: Images, answers: Answers | None) -> None:
        self.options, self.images, self.answers = options, images, answers
        self.model = ThreeHeads().to(memory_format=torch.channels_last)
        missing = self.model.start_from(options.init)
        _say(f"start from {options.init}" + (f" without {', '.join(missing)}" if missing else ""))
        self.average: AveragedModel = averaged_model(self.model, options.ema)
        self.average.n_averaged.fill_(1000)  # the start is trained, so the average may begin with it
        self.recipe = replace(RECIPES["compact"], lr=options.lr, backbone_lr=BACKBONE_LR)
        self.optimizer = make_optimizer(self.model.net, self.recipe)
        if answers is not None and len(answers.mean) != len(images.imgs):
            raise SystemExit(
                f"the teachers predicted {len(answers.mean)} pictures, not {len(images.imgs)}: run answers.py again"
            )
        self.log_prior = images.owner_log_prior()
        self.progress = Progress()
        self.checkpoint = options.out / "checkpoint.pt"
        self.order = self._shuffled()

    def train(self) -> None:
        """Steps until the time is used, with validations and checkpoints spread over it."""
        limit, begin = 60 * self.options.minutes, time.monotonic() - self.progress.used
        self.progress.looks = int(self.options.looks * self.progress.used / limit)
        while self.progress.used < limit:
            loss = self._step(self.progress.used / limit)
            self.progress.used = time.monotonic() - begin
            looks = int(self.options.looks * min(1.0, self.progress.used / limit))
            if looks > self.progress.looks:
                self.progress.looks = looks
                epochs = self.progress.step * self.options.batch_size / len(self.order)
                scores = validate(cast("ThreeHeads", self.average.module), self.images)
                _say(f"{self.progress.used / 60:.1f} min, {epochs:.2f} epochs, loss {loss:.3f}: {scores}")
                self._save()
        torch.save(self.average.module.state_dict(), self.options.out / "last.pt")

    def resume(self) -> None:
        saved = torch.load(self.checkpoint)
        for name in ("model", "average", "optimizer"):
            getattr(self, name).load_state_dict(saved[name])
        self.progress = Progress(**saved["progress"])
        self.order = self._shuffled()

    def _step(self, share: float) -> float:
        factor = min(1.0, (share + 1e-3) / WARM_UP) * (LAST_LR + (1 - LAST_LR) * cosine_factor(share))
        set_learning_rate(self.optimizer, self.options.lr * factor)
        rows = self._next_rows()
        random = BatchRandom(seeded_generator(self.options.seed, 1, self.progress.step), len(rows))
        self.model.train()
        batch = erase(self.model.normalise(random_crops(self.images, rows, random)), ERASE, random)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, image = self.model.both(batch)
        loss = self._loss(logits, rows) + IMAGE_WEIGHT * self._loss(image, rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trained = [each for each in self.model.parameters() if each.requires_grad]
        norm = nn.utils.clip_grad_norm_(trained, self.recipe.grad_clip)
        if not bool(norm.isfinite()):
            raise ArithmeticError(f"the gradient of step {self.progress.step} is not finite")
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.progress.step += 1
        return float(loss.detach())

    def _loss(self, logits: Tensor, rows: Tensor) -> Tensor:
        share = self.options.synthetic_votes
        return heads_loss(logits, self.images, rows, self.answers, self.log_prior, votes_share=share)

    def _next_rows(self) -> Tensor:
        size = min(self.options.batch_size, len(self.order))
        if self.progress.at + size > len(self.order):
            self.progress.epoch, self.progress.at = self.progress.epoch + 1, 0
            self.order = self._shuffled()
        rows = self.order[self.progress.at : self.progress.at + size]
        self.progress.at += size
        return rows

    def _shuffled(self) -> Tensor:
        random = seeded_generator(self.options.seed, self.progress.epoch)
        pool = self.images.pool(portraits=self.options.portraits, synthetic=self.options.synthetic, random=random)
        return pool[torch.randperm(len(pool), generator=random)]

    def _save(self) -> None:
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimizer")}
        part = self.checkpoint.with_suffix(".part")
        torch.save({**state, "progress": vars(self.progress)}, part)
        part.replace(self.checkpoint)
        torch.save(self.average.module.state_dict(), self.options.out / f"look{self.progress.looks}.pt")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def teacher_weights(text: str) -> dict[str, tuple[float, ...]]:
    """`v5=1,0,0 s1=0.7,1,1` -> {"v5": (1.0, 0.0, 0.0), "s1": (0.7, 1.0, 1.0)}."""
    items = (item.split("=") for item in text.split())
    return {name: tuple(float(value) for value in values.split(",")) for name, values in items}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--teachers", default="", metavar="NAME=VOTES,OWNER,POSED ...")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--ema", type=float, default=0.996)
    parser.add_argument("--looks", type=int, default=6, help="validations, spread over the run")
    parser.add_argument("--portraits", type=int, default=PORTRAIT_REPEATS, help="repeats of the portraits in an epoch")
    parser.add_argument("--synthetic", type=int, default=0, help="synthetic faces in an epoch")
    parser.add_argument(
        "--synthetic-votes", type=float, default=1.0, help="weight of synthetic expressions for the votes"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)  # of dropped paths
    options.out.mkdir(parents=True, exist_ok=True)
    weights = teacher_weights(options.teachers)
    run = Run(options, Images.load(options.images), read_answers(options.answers, weights) if weights else None)
    if options.resume:
        run.resume()
    run.train()


if __name__ == "__main__":
    main()
