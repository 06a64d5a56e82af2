"""Figure 8: a t-SNE embedding of images by the features of one or two networks (tsne.png, .csv, separation.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fercli.explain.clusters import separation, tsne
from fercli.explain.images import LabelledImage, load_crops
from fercli.explain.plots import plot_scatter
from fercli.progress import Progress
from fercli.system.chunks import chunked
from fercli.system.csv_file import write_csv
from fercli.weights.network import Network

_CHUNK = 256


@dataclass(frozen=True)
class Tsne:
    """feature: the logits P_VIT (the paper's), or the class token before gate and head."""

    feature: Literal["logits", "cls"] = "logits"
    perplexity: float = 30.0
    seed: int = 0

    name = "tsne"
    networks = (1, 2)
    balanced = False
    default_count = 1000

    def check(self, networks: Sequence[Network]) -> None:
        """Accept every network."""

    def draw(
        self,
        networks: Sequence[Network],
        images: Sequence[LabelledImage],
        names: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> tuple[str, ...]:
        """Write tsne.png, tsne.csv (x, y, label per network and image), separation.csv; return remarks for the reader."""
        labels = [image.label for image in images]
        class_names = sorted(set(labels))
        classes = np.array([class_names.index(label) for label in labels])
        layouts, points, separations = [], [], []
        for number, (network, name) in enumerate(zip(networks, names, strict=True)):
            progress(number, len(networks), name)
            features = self._features(network, images)
            layout = tsne(features, seed=self.seed, perplexity=self.perplexity)
            layouts.append(layout)
            points += [
                {"network": name, "image": image.name, "label": image.label, "x": f"{x:.4f}", "y": f"{y:.4f}"}
                for image, (x, y) in zip(images, layout.tolist(), strict=True)
            ]
            for space, table in ((f"{self.feature} [{features.shape[1]}]", features), ("t-SNE plane", layout)):
                measured = separation(table, classes)
                separations.append(
                    {
                        "network": name,
                        "space": space,
                        "images": len(images),
                        "silhouette": f"{measured.silhouette:.4f}",
                        "intra_inter_ratio": f"{measured.ratio:.4f}",
                    }
                )
        write_csv(folder / "tsne.csv", points)
        write_csv(folder / "separation.csv", separations)
        captions = [
            f"{name}: silhouette {row['silhouette']}, intra/inter {row['intra_inter_ratio']}"
            for name, row in zip(names, separations[::2], strict=True)
        ]
        plot_scatter(folder / "tsne.png", layouts, labels, captions=captions)
        return ("t-SNE preserves neighbourhoods, not distances: compare networks by separation.csv, in feature space.",)

    def _features(self, network: Network, images: Sequence[LabelledImage]) -> NDArray[np.float32]:
        """Compute features [B, D] of the images, chunk by chunk."""
        size = network.card.model.input.size
        class_tokens: list[torch.Tensor] = []
        hook = network.model.vit.norm.register_forward_hook(
            lambda _m, _i, tokens: class_tokens.append(tokens[:, 0].cpu())
        )
        try:
            logits = np.concatenate(
                [network.logits(network.images(load_crops(chunk, size))) for chunk in chunked(images, _CHUNK)]
            )
        finally:
            hook.remove()
        return logits if self.feature == "logits" else torch.cat(class_tokens).float().numpy()
