"""The pictures and the network with three heads that the scripts of this folder share.

Letters: M pictures, B of them in a batch, N classes, s side of a stored picture, S side of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from fercli.config.presets import FACE_RESNET_MEAN, MODELS
from fercli.models.btn import BTN
from fercli.train.losses import log_class_prior

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
CONTEMPT = CLASSES.index("contempt")
HEADS = ("votes", "owner", "posed")
SIDE = 96
PORTRAIT_REPEATS = 3  # in an epoch
RAREST = 0.015  # smallest share of a class that balanced softmax assumes
FER, PORTRAIT, EXPRESSION, CONTROL = range(4)  # kinds of pictures; the last two are synthetic, see `synthesize.py`


@dataclass(frozen=True)
class Images:
    """Pictures uint8 [M, s, s] with places and labels, as `prepare.py` writes them.

    split: 0 train, 1 validation. kind: FER, PORTRAIT, EXPRESSION (synthetic) or CONTROL (a slightly warped neutral face).
    label, owner: class index [M] by majority and by FER2013's owner, -1 without one. votes, own: distributions [M, N];
    has_votes: bool [M]. whole, aligned: maps [M, 2, 3] from crop coordinates (0..1) to picture coordinates (0..1), of the
    whole picture and of the face aligned to the template.
    """

    imgs: Tensor
    split: Tensor
    kind: Tensor
    label: Tensor
    owner: Tensor
    votes: Tensor
    has_votes: Tensor
    own: Tensor
    whole: Tensor
    aligned: Tensor

    @classmethod
    def load(cls, path: Path) -> Images:
        stored = torch.load(path)
        return cls(**{field.name: stored[field.name] for field in fields(cls)})

    def save(self, path: Path) -> None:
        torch.save({field.name: getattr(self, field.name) for field in fields(self)}, path)

    def pool(
        self, *, portraits: int = PORTRAIT_REPEATS, synthetic: int = 0, random: torch.Generator | None = None
    ) -> Tensor:
        """Rows of an epoch: training pictures of FER2013 once, portraits `portraits` times, `synthetic` random synthetic faces."""
        train = (self.split == 0).nonzero().flatten()
        kind = self.kind[train]
        made = train[kind >= EXPRESSION]
        made = made[torch.randperm(len(made), generator=random)[:synthetic]]
        return torch.cat([train[kind == FER], *[train[kind == PORTRAIT]] * portraits, made])

    def validation(self) -> Tensor:
        return ((self.split == 1) & (self.label >= 0)).nonzero().flatten()

    def owner_log_prior(self) -> Tensor:
        """log of the classes' shares among the owner's training labels, [N]."""
        owner = self.owner[(self.split == 0) & (self.kind < EXPRESSION)]
        counts = torch.bincount(owner[owner >= 0], minlength=len(CLASSES))
        return log_class_prior(counts).clamp_min(torch.tensor(RAREST).log())


class ThreeHeads(nn.Module):
    """`btn-compact` with 3 N outputs, for crops of any side. forward: normalised crops [B, 3, S, S] -> logits [B, 3, N]."""

    mean: Tensor

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.side = side
        config = MODELS["btn-compact"]
        if side != SIDE:
            config = replace(config, backbone_size=side, input=replace(config.input, size=side))
        self.net = BTN(config, len(HEADS) * len(CLASSES), training_parts=False, image_head=True)
        self.register_buffer("mean", torch.tensor(FACE_RESNET_MEAN).view(1, 3, 1, 1), persistent=False)

    def normalise(self, crops: Tensor) -> Tensor:
        """Grey crops [B, 1, S, S] in 0..1 -> what forward takes."""
        return (crops.expand(-1, 3, -1, -1) - self.mean).contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images).view(-1, len(HEADS), len(CLASSES))

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, 3, N] of the network and of its image branch alone, for training."""
        output = self.net.forward_batch(images)
        assert output.image is not None
        shape = (-1, len(HEADS), len(CLASSES))
        return output.p_vit.view(shape), output.image.view(shape)

    def start_from(self, path: Path) -> list[str]:
        """Load a state of this class, or a .safetensors file with one head, which all three then start from.

        Returns the names of the tensors that the file lacks.
        """
        if path.suffix == ".safetensors":
            state = {f"net.{name}": value.float() for name, value in load_file(path).items()}
            for name in ("net.vit.head.weight", "net.vit.head.bias"):
                state[name] = state[name].repeat(len(HEADS), *[1] * (state[name].ndim - 1))
        else:
            state = {name: value.float() for name, value in torch.load(path).items()}
        own = self.state_dict()
        self.load_state_dict({name: value for name, value in state.items() if name in own}, strict=False)
        return [name for name in own if name not in state]


def sample(pictures: Tensor, base: Tensor, jitter: Tensor | None = None, side: int = SIDE) -> Tensor:
    """Cut crops [B, 1, side, side] in 0..1 out of pictures uint8 [B, s, s]; pixels outside repeat the edge.

    base: maps [B, 2, 3] from crop to picture coordinates, both 0..1. jitter: maps [B, 2, 3] within the crop, in -1..1.
    """
    linear, offset = base[:, :, :2], base[:, :, :2].sum(dim=2) + 2 * base[:, :, 2] - 1  # the same map in -1..1
    if jitter is not None:
        offset = offset + (linear @ jitter[:, :, 2:]).squeeze(2)
        linear = linear @ jitter[:, :, :2]
    theta = torch.cat([linear, offset.unsqueeze(2)], dim=2)
    grid = F.affine_grid(theta, [len(theta), 1, side, side], align_corners=False)
    source = pictures.float().div_(255).unsqueeze(1)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)
