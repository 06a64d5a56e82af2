"""Figure 8: images in the plane, near each other where a network's features are (tsne.png, .csv, separation.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fercli.explain.clusters import separation, tsne
from fercli.explain.faces import Face, crops_of
from fercli.explain.plots import plot_clouds
from fercli.progress import Progress
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
    even = False
    default_count = 1000

    def check(self, networks: Sequence[Network]) -> None:
        """Every network will do."""

    def draw(
        self, networks: Sequence[Network], faces: Sequence[Face], names: Sequence[str], place: Path, progress: Progress
    ) -> tuple[str, ...]:
        """Write tsne.png, tsne.csv (x, y, label per network and image), separation.csv; returns remarks for the reader."""
        labels = [face.label for face in faces]
        kinds = sorted(set(labels))
        classes = np.array([kinds.index(label) for label in labels])
        clouds, points, figures = [], [], []
        for number, (network, name) in enumerate(zip(networks, names, strict=True)):
            progress(number, len(networks), name)
            features = self._features(network, faces)
            layout = tsne(features, seed=self.seed, perplexity=self.perplexity)
            clouds.append(layout)
            points += [
                {"network": name, "image": face.name, "label": face.label, "x": f"{x:.4f}", "y": f"{y:.4f}"}
                for face, (x, y) in zip(faces, layout.tolist(), strict=True)
            ]
            for space, table in ((f"{self.feature} [{features.shape[1]}]", features), ("t-SNE plane", layout)):
                kept = separation(table, classes)
                figures.append(
                    {
                        "network": name,
                        "space": space,
                        "images": len(faces),
                        "silhouette": f"{kept.silhouette:.4f}",
                        "intra_inter_ratio": f"{kept.ratio:.4f}",
                    }
                )
        write_csv(place / "tsne.csv", points)
        write_csv(place / "separation.csv", figures)
        captions = [
            f"{name}: silhouette {row['silhouette']}, intra/inter {row['intra_inter_ratio']}"
            for name, row in zip(names, figures[::2], strict=True)
        ]
        plot_clouds(place / "tsne.png", clouds, labels, captions=captions)
        return ("t-SNE keeps neighbourhoods, not distances: compare separation.csv in the features' own space.",)

    def _features(self, network: Network, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Features [B, D] of the faces, read in pieces."""
        size = network.card.model.input.size
        seen: list[torch.Tensor] = []
        hook = network.model.vit.norm.register_forward_hook(lambda _m, _i, tokens: seen.append(tokens[:, 0].cpu()))
        try:
            pieces = [faces[start : start + _CHUNK] for start in range(0, len(faces), _CHUNK)]
            logits = np.concatenate([network.logits(network.images(crops_of(piece, size))) for piece in pieces])
        finally:
            hook.remove()
        return logits if self.feature == "logits" else torch.cat(seen).float().numpy()
