"""The study `attention` of `fer ablate` on frozen features, at a size that one CPU core can afford.

    python docs/attention_study.py features data/ferplus features.pt
    python docs/attention_study.py run features.pt runs/attention-study --seeds 5
    python docs/attention_study.py tables runs/attention-study

`features` computes S1, S2 and S3 of `fer-compact` once, of the validation images (PublicTest) with their mirror images, and of
the test images (PrivateTest). `run` trains what follows them, from random weights: tokens, a small ViT and the batch part, which
reads S3 (bt.source=s3; with --mla F_MLA). Trunk and test images are the same in all runs; a seed draws the training images,
the wrong labels, the initial weights and the order of the images. Conditions: the share of wrong labels, `0`, `20` and `30`
percent (symmetric), or `owner`, the labels of FER2013's owner. Scores are against FERPlus's majority labels. An interrupted study
is continued by the same command. With --controls it trains `paper` and `cosine` with corrected targets, `+ attention` with a
tenth of the weight of L_VIT, and the baseline with smoothed labels. Every run is a line of runs.csv. `tables` writes results.md
and the plots; with --against ROW it compares with that row instead of the baseline. docs/attention_study.csv has the runs of
docs/ablate.md, so its tables need no training:

    python docs/attention_study.py tables runs/attention-study --runs docs/attention_study.csv

`curves` plots a study of `fer ablate` over the epochs:

    python docs/attention_study.py curves runs/attention-noise/attention--refine-runs.csv curves.png
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.config.presets import MODELS, RECIPES
from fercli.config.settings import override
from fercli.config.training import LossConfig
from fercli.data.crops import load_crop
from fercli.data.open import open_dataset
from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy
from fercli.evaluate.seed_scores import seed_score
from fercli.explain.batch_attention import Similarity, predict_from_others
from fercli.explain.label_noise import average_precision, cross_entropy, most_doubtful, precision_at
from fercli.formatting import interval_percent, mean_sd_percent, p_value, signed_percent
from fercli.media.figures import empty_figure
from fercli.models.btn import BTN, training_network
from fercli.models.cross_attention import Levels
from fercli.system.files import replacing
from fercli.train.ablation.plot import plot_study
from fercli.train.ablation.studies import REFINE, Setting, build_study
from fercli.train.attention_terms import batch_labels
from fercli.train.ema import averaged_model
from fercli.train.losses import btn_loss
from fercli.train.optimizers import make_optimizer, set_learning_rate
from fercli.train.random_numbers import seeded_generator
from fercli.train.schedule import lr_factor, refined_share
from fercli.train.seed_statistics import holm, paired_difference
from fercli.weights.network import load_network
from fercli.weights.preprocess import softmax
from fercli.weights.run_folder import RunConfig

IMAGES, EPOCHS, BATCH, CHUNK = 1280, 10, 64, 256
CONDITIONS = ("30", "owner", "0", "20")
TRUNK = ("image_backbone.", "landmark_", "tap_convs.", "cross.")
# small enough for one core: a ViT of one block and 64 channels
SMALL = ("vit.width=64", "vit.depth=1", "vit.heads=2", "mla.ffn=false")
# frozen levels have no gradient, so `detached` equals `paper` here
ROWS = tuple(row for row in build_study("attention").rows if row.name != "detached")
_SETTINGS = {row.name: row.settings for row in ROWS}
_REFINE = f"loss.refine={REFINE:g}"
CONTROLS = (
    Setting("paper, refine", (*_SETTINGS["paper"], _REFINE)),
    Setting("cosine, refine", (*_SETTINGS["cosine"], _REFINE)),
    Setting("little L_VIT", (*_SETTINGS["+ attention"], f"loss.vit={2 * (1 - REFINE):g}")),
    Setting("smoothed", (*_SETTINGS["baseline"], "loss.label_smoothing=0.3")),
    Setting("smoothed as refined", (*_SETTINGS["baseline"], f"loss.label_smoothing={REFINE:g}")),
)


RUN_COLUMNS = (
    *("condition", "mla", "row", "seed", "accuracy", "mean_accuracy"),
    *("attention_own", "attention_images", "attention_spread", "attention_same_label", "attention_same_label_chance"),
    *("attention_wrong_label", "attention_wrong_label_chance", "vit_on_wrong", "cba_on_wrong"),
    *(
        f"{signal}_{score}"
        for signal in ("loss", "batch", "both")
        for score in ("average_precision", "precision_at_300", "precision_at_1000")
    ),
)


def compute_features(data: str, out: Path, weights: str) -> None:
    """Write S1, S2, S3 (float16) of validation, mirrored validation and test images, with both labels."""
    network, dataset = load_network(weights, device="cpu"), open_dataset(data)
    found: dict[str, Any] = {}
    for split in ("val", "test"):
        samples = dataset.split(split)
        found[f"{split}-label"] = torch.tensor([sample.label for sample in samples])
        found[f"{split}-first"] = torch.tensor([sample.first_label for sample in samples])
        for name in (split, "val-flip") if split == "val" else (split,):
            parts = []
            for start in range(0, len(samples), CHUNK):
                crops = np.stack([load_crop(s, network.card.model.input.size) for s in samples[start : start + CHUNK]])
                images = network.images(crops[:, :, ::-1].copy() if name == "val-flip" else crops)
                with torch.inference_mode():
                    parts.append([level.half().contiguous() for level in network.model.levels(images)])
            found[name] = [torch.cat(levels) for levels in zip(*parts, strict=True)]
    with replacing(out) as temporary:
        torch.save(found, temporary)


def noisy_labels(features: dict[str, Any], condition: str, seed: int) -> Tensor:
    """The training labels of a condition: symmetric noise of that many percent, or the owner's labels."""
    labels: Tensor = features["val-label"]
    if condition == "owner":
        first: Tensor = features["val-first"]
        return first
    draw, labels = seeded_generator(seed, 1), labels.clone()
    chosen = torch.randperm(len(labels), generator=draw)[: round(int(condition) / 100 * len(labels))]
    labels[chosen] = (labels[chosen] + torch.randint(1, 8, (len(chosen),), generator=draw)) % 8
    return labels


def train_row(
    features: dict[str, Any], row: Setting, condition: str, seed: int, *, mla: bool
) -> tuple[BTN, Tensor, dict[str, float]]:
    """Train one row; returns the network, its training images, and the means of the last epoch's terms and diagnostics."""
    recipe = replace(RECIPES["compact"], loss=LossConfig(), epochs=EPOCHS, batch_size=BATCH)
    start = RunConfig("ferplus", None, MODELS["btn-compact"], recipe, ())
    settings = [*SMALL, f"bt.source={'mla' if mla else 's3'}", *row.settings]
    config = override(start, settings, groups=("model", "train"))
    truth, labels = features["val-label"], noisy_labels(features, condition, seed)
    images = torch.randperm(len(labels), generator=seeded_generator(seed, 2))[:IMAGES]
    torch.manual_seed(seed)
    model = training_network(config.model, 8, config.train.loss).train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and not name.startswith(TRUNK))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    average = averaged_model(model, config.train.ema) if config.train.loss.refine_from == "ema" else None
    optimizer = make_optimizer(model, config.train)
    steps = IMAGES // BATCH
    means: dict[str, float] = {}
    for epoch in range(EPOCHS):
        draw = seeded_generator(seed, 3, epoch)
        order, mirrored = images[torch.randperm(IMAGES, generator=draw)], torch.rand(IMAGES, generator=draw) < 0.5
        means = {}
        for step in range(steps):
            part = slice(step * BATCH, (step + 1) * BATCH)
            batch = order[part]
            rows = batch + mirrored[part] * len(truth)  # mirror images follow the images
            levels = Levels(*(level[rows] for level in features["train"]))
            done = epoch + step / steps
            set_learning_rate(optimizer, config.train.lr * lr_factor(config.train, done))
            torch.manual_seed(seeded_generator(seed, 4, epoch, step).initial_seed())  # for drop path
            output, teacher = model.classify_batch(levels), None
            if average is not None:
                with torch.no_grad():
                    teacher = average.module.eval().classify_batch(levels).p_vit
            elif config.train.loss.refine_from == "permuted":
                teacher = model.batch.cba.permuted_logits(output.mix)
            loss, terms = btn_loss(
                output,
                labels[batch],
                config.train.loss,
                batch=batch_labels(labels[batch], truth[batch]),
                refine=refined_share(config.train, done),
                teacher=teacher,
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, config.train.grad_clip)
            optimizer.step()
            if average is not None:
                average.update_parameters(model)
            means = {name: means.get(name, 0.0) + float(value) / steps for name, value in terms.items()}
    return model.eval(), images, means


@torch.inference_mode()
def predict(model: BTN, levels: Sequence[Tensor]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """P_VIT [B, N] and, with the batch part, the embeddings [B, N, D]."""
    logits, embeddings = [], []
    for parts in zip(*(level.split(CHUNK) for level in levels), strict=True):
        part = Levels(*(level.float() for level in parts))
        logits.append(model.classify_batch(part).p_vit)
        if model.batch is not None:
            embeddings.append(model.batch.embedding(part))
    return torch.cat(logits).numpy(), torch.cat(embeddings).numpy() if embeddings else None


def audit(model: BTN, levels: Sequence[Tensor], labels: Tensor, wrong: Tensor, *, depth: int) -> dict[str, float]:
    """Rank labels by loss, by the prediction of the other images of a batch, and by the mean of both, as `fer audit` does."""
    p_vit, embedding = predict(model, levels)
    classes, is_wrong = labels.numpy(), wrong.numpy()
    signals = {"loss": cross_entropy(softmax(p_vit), classes)}
    if embedding is not None and model.batch is not None:
        cba = model.batch.cba
        similarity = Similarity(float(torch.as_tensor(cba.scale).detach()), cba.config.similarity == "cosine")
        others, random, rounds = np.zeros_like(p_vit), np.random.default_rng(0), 2
        for _ in range(rounds):
            for batch in np.array_split(random.permutation(len(classes)), max(1, round(len(classes) / CHUNK))):
                found = predict_from_others(embedding[batch], p_vit[batch], classes[batch], similarity)
                others[batch] += found.probabilities / rounds
        signals["batch"] = cross_entropy(others, classes)
        signals["both"] = (signals["loss"] + signals["batch"]) / 2
    result = {}
    for name, signal in signals.items():
        order = most_doubtful(signal)
        result[f"{name}_average_precision"] = average_precision(order, is_wrong)
        result[f"{name}_precision_at_{depth}"] = precision_at(order, is_wrong, depth)
    return result


def run_one(features: dict[str, Any], row: Setting, condition: str, seed: int, *, mla: bool) -> dict[str, Any]:
    """Train, score and audit one row, condition and seed."""
    model, images, means = train_row(features, row, condition, seed, mla=mla)
    truth = features["test-label"]
    p_vit, _ = predict(model, features["test"])
    matrix = confusion(truth.numpy(), p_vit.argmax(axis=1), 8)
    result: dict[str, Any] = {"row": row.name, "condition": condition, "seed": seed, "mla": int(mla)}
    result |= {"accuracy": overall_accuracy(matrix), "mean_accuracy": mean_class_accuracy(matrix)}
    result |= {name: value for name, value in means.items() if name.startswith("attention_")}
    for name in ("vit", "cba"):
        if means["wrong_labels"] and f"wrong_{name}_true" in means:
            result[f"{name}_on_wrong"] = means[f"wrong_{name}_true"] / means["wrong_labels"]
    if condition == "0":  # labels of other images that it was not trained on: the owner's of the test images
        first = features["test-first"]
        result |= audit(model, features["test"], first, first != truth, depth=1000)
    else:  # the labels that it was trained on
        labels = noisy_labels(features, condition, seed)[images]
        wrong = labels != features["val-label"][images]
        levels = [level[images] for level in features["val"]]
        result |= audit(model, levels, labels, wrong, depth=300)
    return result


def run_study(
    path: Path, out: Path, *, seeds: int, conditions: Sequence[str], rows: Sequence[Setting], mla: bool
) -> None:
    """Train what is missing, seed by seed, so that an interrupted study has whole pairs."""
    torch.set_num_threads(1)
    features, log = torch.load(path), out / "runs.csv"
    both = zip(features["val"], features["val-flip"], strict=True)
    features["train"] = [torch.cat(levels).float() for levels in both]
    out.mkdir(parents=True, exist_ok=True)
    done = {(run["row"], run["condition"], run["seed"], run["mla"]) for run in read_runs(log)}
    for seed in range(seeds):
        for condition in conditions:
            for row in rows:
                if (row.name, condition, seed, mla) not in done:
                    result = run_one(features, row, condition, seed, mla=mla)
                    with log.open("a", encoding="utf-8", newline="") as file:
                        writer = csv.DictWriter(file, RUN_COLUMNS, lineterminator="\n")
                        if not file.tell():
                            writer.writeheader()
                        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in result.items()})
                    sys.stdout.write(f"{condition} seed {seed} {row.name}: {100 * result['accuracy']:.2f} %\n")


def read_runs(log: Path) -> list[dict[str, Any]]:
    """All finished runs of a study, without the values that they do not have."""
    if not log.is_file():
        return []
    with log.open(encoding="utf-8", newline="") as file:
        return [{name: _value(name, text) for name, text in run.items() if text} for run in csv.DictReader(file)]


def _value(name: str, text: str) -> str | int | float:
    if name in ("row", "condition"):
        return text
    return int(text) if name in ("seed", "mla") else float(text)


def write_tables(log: Path, out: Path, against: str) -> None:
    """Write results.md and a plot for each condition and embedding (S3 or F_MLA) with at least two seeds.

    log: the runs. against: the row that the others are compared with.
    """
    runs, lines = read_runs(log), []
    out.mkdir(parents=True, exist_ok=True)
    groups = sorted({(run["condition"], run["mla"]) for run in runs})
    choices = (ROWS, (*_compared_with_controls(against), *CONTROLS))
    for condition, mla, choice in [(*group, rows) for group in groups for rows in choices]:
        group = [run for run in runs if (run["condition"], run["mla"]) == (condition, mla)]
        rows = [row for row in choice if any(run["row"] == row.name for run in group)]
        if len(rows) < 2:
            continue
        by_row = {row.name: {run["seed"]: run for run in group if run["row"] == row.name} for row in rows}
        # a row may have fewer seeds than the one it is compared with
        of_row = {name: sorted(set(found) & set(by_row.get(against, {}))) for name, found in by_row.items()}
        rows = [row for row in rows if len(of_row[row.name]) >= 2]
        if len(rows) < 2 or against not in [row.name for row in rows]:
            continue
        seeds = sorted(set.intersection(*(set(of_row[row.name]) for row in rows)))
        name = f"{condition}{'-mla' if mla else ''}{'' if choice is ROWS else '-controls'}"
        lines += [f"**{name}**, compared with {against}", "", *_HEADER]
        accuracy = {row.name: {s: by_row[row.name][s]["accuracy"] for s in of_row[row.name]} for row in rows}
        differences = {
            row.name: paired_difference(accuracy[row.name], accuracy[against]) for row in rows if row.name != against
        }
        corrected = dict(zip(differences, holm([difference.p for difference in differences.values()]), strict=True))
        for row in rows:
            cells = _cells(row.name, [by_row[row.name][seed] for seed in of_row[row.name]])
            if (found := differences.get(row.name)) is not None:
                interval = interval_percent(found.interval, signed=True)
                cells += [f"{signed_percent(found.mean)} ({interval})", _p(found.p), _p(corrected[row.name])]
                cells.append("-" if found.resolvable is None else f"{100 * found.resolvable:.2f}")
            lines.append(f"| {' | '.join([*cells, *['-'] * (len(_COLUMNS) - len(cells))])} |")
        lines.append("")
        study = replace(build_study("attention"), rows=tuple(rows))
        if not seeds or study.baseline not in by_row:
            continue
        scores = [[100 * accuracy[row.name][seed] for seed in seeds] for row in rows]
        with replacing(out / f"{name}.png") as temporary:
            plot_study(temporary, study, scores, ylabel="accuracy on test (%)", title=_TITLES.get(name, name))
    (out / "results.md").write_text("\n".join(lines), encoding="utf-8")


def _compared_with_controls(against: str) -> tuple[Setting, ...]:
    return tuple(row for row in ROWS if row.name in (ROWS[0].name, against))


_TITLES = {
    "0": "FERPlus's labels",
    "20": "20 % of the labels wrong",
    "30": "30 % of the labels wrong",
    "owner": "labels of FER2013's owner",
}
_COLUMNS = (
    "row",
    "seeds",
    "accuracy, mean ± sd",
    "mean class",
    "own weight",
    "images",
    "same label (chance)",
    "wrong label (chance)",
    "P_VIT, P_CBA right on wrong",
    "difference (95 %)",
    "p",
    "p (Holm)",
    "resolvable",
)
_HEADER = (f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS))


def _cells(name: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    score, mean_score = (seed_score([run[key] for run in runs]) for key in ("accuracy", "mean_accuracy"))

    def attention(key: str, digits: int = 2) -> str:
        values = [run.get(f"attention_{key}") for run in runs]
        return "-" if None in values else f"{np.mean(values):.{digits}f}"

    cells = [
        name,
        str(len(runs)),
        mean_sd_percent(score.mean, score.sd),
        mean_sd_percent(mean_score.mean, mean_score.sd),
    ]
    cells += [attention("own"), attention("images", 1)]
    for key in ("same_label", "wrong_label"):
        share = attention(key)
        cells.append(share if share == "-" else f"{share} ({attention(f'{key}_chance')})")
    right = [[run.get(f"{name}_on_wrong") for run in runs] for name in ("vit", "cba")]
    cells.append(", ".join("-" if None in values else f"{np.mean(values):.2f}" for values in right))
    return cells


def _p(value: float | None) -> str:
    return "-" if value is None else p_value(value)


def plot_curves(runs: Path, out: Path) -> None:
    """Plot training and validation accuracy over the epochs, the mean of the seeds and their range, for rows of `fer ablate`."""
    with runs.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    figure = empty_figure(9, 3.6)
    for column, (key, title) in enumerate(
        (("train_accuracy", "training, wrong labels included"), ("val_accuracy", "validation, correct labels")), start=1
    ):
        axes = figure.add_subplot(1, 2, column, title=title, xlabel="epoch", ylabel="accuracy (%)")
        for row in dict.fromkeys(run["row"] for run in found):
            seeds = [_metric(runs.parent / "runs" / run["folder"], key) for run in found if run["row"] == row]
            table, epochs = 100 * np.array(seeds), np.arange(1, len(seeds[0]) + 1)
            (line,) = axes.plot(epochs, table.mean(axis=0), label=row)
            axes.fill_between(
                epochs, table.min(axis=0), table.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0
            )
        axes.grid(alpha=0.3)
        axes.legend()
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=150)


def _metric(run: Path, key: str) -> list[float]:
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [float(row[key]) for row in csv.DictReader(file)]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    features = commands.add_parser("features")
    features.add_argument("data")
    features.add_argument("out", type=Path)
    features.add_argument("--weights", default="fer-compact")
    run = commands.add_parser("run")
    run.add_argument("features", type=Path)
    run.add_argument("out", type=Path)
    run.add_argument("--seeds", type=int, default=5)
    run.add_argument("--conditions", nargs="+", default=CONDITIONS, choices=CONDITIONS)
    run.add_argument("--rows", nargs="+", default=[row.name for row in ROWS])
    controls = [row.name for row in CONTROLS]
    run.add_argument("--controls", action="store_const", dest="rows", const=controls, help="all rows of that kind")
    run.add_argument("--mla", action="store_true")
    tables = commands.add_parser("tables")
    tables.add_argument("out", type=Path)
    tables.add_argument("--runs", type=Path, help="default: OUT/runs.csv")
    tables.add_argument("--against", default="baseline", choices=[row.name for row in (*ROWS, *CONTROLS)])
    curves = commands.add_parser("curves")
    curves.add_argument("runs", type=Path)
    curves.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "features":
        compute_features(options.data, options.out, options.weights)
    elif options.command == "tables":
        write_tables(options.runs or options.out / "runs.csv", options.out, options.against)
    elif options.command == "curves":
        plot_curves(options.runs, options.out)
    else:
        run_study(
            options.features,
            options.out,
            seeds=options.seeds,
            conditions=options.conditions,
            rows=[row for row in (*ROWS, *CONTROLS) if row.name in options.rows],
            mla=options.mla,
        )


if __name__ == "__main__":
    main()
