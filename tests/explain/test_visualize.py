"""Each figure on a random small network: files, shapes, that the numbers are the network's, and what is refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from fercli.data.dataset import Dataset
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.explain.attention import BatchAttention
from fercli.explain.images import load_crops, sampled_images
from fercli.explain.probabilities import Probabilities
from fercli.explain.scorecam import LAYERS, CbaScore, ScoreCam, as_maps
from fercli.explain.tsne import Tsne
from fercli.explain.visualize import VisualizeOptions, visualize
from fercli.formatting import percent
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint
from fercli.weights.classifier import open_torch
from fercli.weights.network import load_network
from fercli.weights.run_folder import RunFolder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw(figure, weights, dataset: Dataset, out: Path, **options):
    choices = VisualizeOptions(device="cpu", **options)
    return visualize(figure, [str(w) for w in weights], str(dataset.root), out, choices)


def test_probabilities__are_the_classifiers_own_of_both_networks(make_run, three_classes, tmp_path):
    runs = [make_run("a") / "last.safetensors", make_run("b", seed=1) / "last.safetensors"]
    draw(Probabilities(), runs, three_classes, tmp_path / "out", count=3, names=("with BT", "without"))
    rows = rows_of(tmp_path / "out" / "probabilities.csv")
    assert len(rows) == 3 * 3
    assert Counter(row["label"] for row in rows) == {"neutral": 3, "happiness": 3, "sadness": 3}
    shown = sampled_images(three_classes, "test", 3, seed=0, balanced=True)
    for column, run in zip(("p_a", "p_b"), runs, strict=True):
        expected = open_torch(run, device="cpu").classify(load_crops(shown, 48))
        ours = np.array([float(row[column]) for row in rows]).reshape(3, 3)
        assert ours == pytest.approx(expected, abs=2e-6)  # both in the order neutral, happiness, sadness
    with Image.open(tmp_path / "out" / "probabilities.png") as picture:
        assert picture.width > 300
    facts = json.loads((tmp_path / "out" / "figure.json").read_text())
    assert [network["name"] for network in facts["networks"]] == ["with BT", "without"]


def test_attention__rows_sum_to_one_and_the_page_shows_the_other_images(make_run, three_classes, tmp_path):
    run = make_run("run")
    draw(BatchAttention(top=4), [run], three_classes, tmp_path / "out", count=10, images=["sadness3.png"])
    arrays = np.load(tmp_path / "out" / "attention.npz")
    assert arrays["attention"].shape == (3, 10, 10)
    assert arrays["attention"].sum(axis=2) == pytest.approx(1)
    assert arrays["images"][0] == "test/sadness/sadness3.png"
    rows = rows_of(tmp_path / "out" / "attention.csv")
    assert len(rows) == 3 * 10
    first = [row for row in rows if row["class"] == "happiness"]
    assert [float(row["attention"]) for row in first] == sorted((float(r["attention"]) for r in first), reverse=True)
    assert sum(int(row["is_itself"]) for row in rows) == 3
    # P_CBA of the batch, as the network computes it in training
    network = load_network(run, device="cpu")
    batch = {face.name: face for face in sampled_images(three_classes, "test", 24, seed=0, balanced=False)}
    images = network.images(load_crops([batch[name] for name in arrays["images"].tolist()], 48))
    with torch.no_grad():
        assert arrays["p_cba"] == pytest.approx(network.model.forward_batch(images).p_cba.numpy(), abs=1e-4)
    page = (tmp_path / "out" / "attention.html").read_text()
    assert page.count('<ol class="images">') == 3
    assert page.count("<li title=") == 3 * 4
    assert "http" not in page.replace("http-equiv", "")


def test_attention__that_collapsed_onto_the_image_is_stated_and_others_keep_their_shares(
    make_run, three_classes, tmp_path
):
    run = RunFolder(make_run("run"))
    saved = load_checkpoint(run.checkpoint)
    for key in ("batch.cba.embed.weight", "batch.cba.embed.bias"):
        saved["model"][key] *= 20
    save_checkpoint(run.checkpoint, saved)
    result = draw(BatchAttention(), [run.path], three_classes, tmp_path / "out", count=10)
    assert "collapsed onto the image itself" in result.remarks[-1]
    assert result.remarks[-1].split(":")[0] in (tmp_path / "out" / "attention.html").read_text()
    arrays = np.load(tmp_path / "out" / "attention.npz")
    rows = [row for row in rows_of(tmp_path / "out" / "attention.csv") if row["class"] == "sadness"]
    others = [row for row in rows if not int(row["is_itself"])]
    shares = np.array([float(row["attention_of_others"]) for row in others])
    assert shares.sum() == pytest.approx(1)
    assert shares.tolist() == sorted(shares, reverse=True)
    whole = np.array([float(row["attention"]) for row in others])
    assert 0 < whole.sum() < 1e-7
    assert whole / whole.sum() == pytest.approx(shares)
    # some images listen to others of larger maps, most to themselves
    own = np.diagonal(arrays["attention"], axis1=1, axis2=2)
    assert np.median(np.abs(arrays["p_cba"] - arrays["p_vit"])) < 1e-4
    assert f"more than 1 % in {percent((own < 0.99).mean())}" in result.remarks[1]


def test_attention__with_mask_self_goes_to_other_images_only(make_run, three_classes, tmp_path):
    result = draw(BatchAttention(), [make_run("run", "cba.mask_self=true")], three_classes, tmp_path / "out", count=10)
    assert "other images get 1.0e+00" in result.remarks[1]
    arrays = np.load(tmp_path / "out" / "attention.npz")
    assert np.array_equal(arrays["attention"], arrays["attention_of_others"])
    shares = [
        arrays["attention"][n, i, j]
        for n in range(3)
        for i in range(10)
        for j in range(10)
        if i != j and arrays["labels"][i] == arrays["labels"][j]
    ]
    assert f"{percent(sum(shares) / 30)} goes to those with the same label" in result.remarks[2]


def test_attention__of_a_weights_file_is_refused_with_the_reason(make_run, three_classes, tmp_path):
    with pytest.raises(WeightsError, match="exists in training only"):
        draw(BatchAttention(), [make_run("run") / "last.safetensors"], three_classes, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="explains one image"):
        draw(BatchAttention(), [make_run("a")], three_classes, tmp_path / "out", images=["sadness1", "sadness2"])
    with pytest.raises(UsageError, match="shows one network"):
        draw(BatchAttention(), [make_run("a"), make_run("b")], three_classes, tmp_path / "out")


def test_tsne__writes_points_and_separation_of_both_spaces(make_run, three_classes, tmp_path):
    run = make_run("run")
    draw(Tsne(feature="cls", perplexity=5), [run], three_classes, tmp_path / "out")
    points = rows_of(tmp_path / "out" / "tsne.csv")
    assert Counter(row["label"] for row in points) == {"neutral": 8, "happiness": 8, "sadness": 8}
    spaces = [row["space"] for row in rows_of(tmp_path / "out" / "separation.csv")]
    assert spaces == ["cls [64]", "t-SNE plane"]


def test_tsne__logits_are_p_vit(make_run, three_classes, tmp_path):
    draw(Tsne(perplexity=5), [make_run("run")], three_classes, tmp_path / "out")
    assert rows_of(tmp_path / "out" / "separation.csv")[0]["space"] == "logits [3]"


@pytest.mark.slow
def test_scorecam__maps_of_every_layer_and_two_networks(make_run, three_classes, tmp_path):
    pytest.importorskip("pytorch_grad_cam")
    runs = [make_run("a"), make_run("b", seed=1)]
    draw(ScoreCam(layers=LAYERS), runs, three_classes, tmp_path / "out", count=1)
    arrays = np.load(tmp_path / "out" / "scorecam.npz")
    for letter in "ab":
        maps = arrays[f"maps_{letter}"]
        assert maps.shape == (1, 9, 48, 48)
        assert maps.min() >= 0
        assert maps.max() == pytest.approx(1, abs=1e-3)
    assert not np.array_equal(arrays["maps_a"], arrays["maps_b"])
    assert arrays["layers"].tolist() == list(LAYERS)


@pytest.mark.slow
def test_scorecam__weights_maps_by_the_softmax_of_masked_scores(make_run, three_classes, tmp_path):
    # Wang et al. 2020, Algorithm 1 with logits as scores, written out for the embedding's three channels
    pytest.importorskip("pytorch_grad_cam")
    run = make_run("run")
    draw(ScoreCam(layers=("embed",), target="sadness"), [run], three_classes, tmp_path / "out", count=1)
    network = load_network(run, device="cpu")
    image = network.images(load_crops(sampled_images(three_classes, "test", 1, seed=0, balanced=True), 48))
    kept: list[torch.Tensor] = []
    network.model.batch.cba.embed.register_forward_hook(lambda _m, _i, out: kept.append(out))
    with torch.no_grad():
        network.model.batch_embedding(image)
        maps = kept[0]  # [1, 3, h, w]
        large = torch.nn.functional.interpolate(maps, size=48, mode="bilinear", align_corners=True)[0]
        masks = (large - large.amin((1, 2), keepdim=True)) / (large.amax((1, 2)) - large.amin((1, 2)))[:, None, None]
        scores = network.model(image * masks[:, None])[:, 2].softmax(0)
    heat = (scores[:, None, None] * maps[0]).sum(0).clamp_min(0).numpy()
    heat = cv2.resize((heat - heat.min()) / (heat.max() - heat.min()), (48, 48))
    heat = (heat - heat.min()) / (heat.max() - heat.min())
    expected = np.load(tmp_path / "out" / "scorecam.npz")["maps_a"][0, 0]
    assert expected == pytest.approx(heat, abs=1e-3)


@pytest.mark.parametrize("settings", [(), ("cba.mask_self=true",)])
@pytest.mark.parametrize("others", [4, 0])
def test_cba_score__is_the_first_row_of_p_cba_in_that_batch(make_run, settings, others):
    network = load_network(make_run("run", *settings), device="cpu")
    crops = np.random.default_rng(1).integers(0, 255, (2 + others, 48, 48, 3), dtype=np.uint8)
    images = network.images(crops)
    with torch.no_grad():
        alone = CbaScore(network.model, images[2:])(images[:2])
        for row in range(2):
            batch = torch.cat([images[row : row + 1], images[2:]])
            assert alone[row].numpy() == pytest.approx(network.model.forward_batch(batch).p_cba[0].numpy(), abs=1e-4)


def test_as_maps__tokens_become_a_map_averaged_over_the_levels():
    tokens = torch.zeros(1, 1 + 3 * 4, 2)
    tokens[0, 0] = 100  # the class token is left out
    tokens[0, 1 + 1, 0], tokens[0, 1 + 4 + 1, 0], tokens[0, 1 + 8 + 1, 0] = 3.0, 6.0, 0.0
    maps = as_maps(tokens, 2)
    assert maps.shape == (1, 2, 2, 2)
    assert maps[0, 0].tolist() == [[0, 3], [0, 0]]


@pytest.mark.parametrize(
    ("figure", "message", "kind"),
    [
        (lambda: ScoreCam(layers=("F9",)), "no layer F9", UsageError),
        (lambda: ScoreCam(layers=("mla",)), "--layer mla needs the batch part", WeightsError),
        (lambda: ScoreCam(head="cba"), "--head cba needs the batch part", WeightsError),
        (lambda: ScoreCam(target="joy"), "--target joy is no class", UsageError),
    ],
)
def test_scorecam__what_a_network_lacks_is_named(make_run, three_classes, tmp_path, figure, message, kind):
    with pytest.raises(kind, match=message):
        draw(figure(), [make_run("run") / "last.safetensors"], three_classes, tmp_path / "out")


def test_visualize__unknown_images_and_existing_folders_are_refused(make_run, three_classes, tmp_path):
    run = make_run("run")
    with pytest.raises(DataError, match=r"no labelled test image .* nobody\.png"):
        draw(Probabilities(), [run], three_classes, tmp_path / "out", images=["nobody.png"])
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError, match="already"):
        draw(Probabilities(), [run], three_classes, tmp_path / "out")
    with pytest.raises(UsageError, match="2 names for 1 network"):
        draw(Probabilities(), [run], three_classes, tmp_path / "other", names=("a", "b"))
