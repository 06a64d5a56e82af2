"""The batch-attention explorer on a random small network."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from fercli.data.open import open_dataset
from fercli.data.training_changes import TrainingChanges, apply_changes
from fercli.errors import UsageError, WeightsError
from fercli.explain.attention import BatchAttention
from fercli.explain.images import load_crops, sampled_images
from fercli.formatting import percent
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint
from fercli.weights.network import load_network
from fercli.weights.run_folder import RunFolder


def test_attention__rows_sum_to_one_and_the_page_shows_the_other_images(
    draw, rows_of, make_run, three_classes, tmp_path
):
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
    draw, rows_of, make_run, three_classes, tmp_path
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


def test_attention__with_mask_self_is_to_other_images_only(draw, make_run, three_classes, tmp_path):
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


def test_attention__of_a_weights_file_is_refused_with_the_reason(draw, make_run, three_classes, tmp_path):
    with pytest.raises(WeightsError, match="used in training only"):
        draw(BatchAttention(), [make_run("run") / "last.safetensors"], three_classes, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="explains one image"):
        draw(BatchAttention(), [make_run("a")], three_classes, tmp_path / "out", images=["sadness1", "sadness2"])
    with pytest.raises(UsageError, match="shows one network"):
        draw(BatchAttention(), [make_run("a"), make_run("b")], three_classes, tmp_path / "out")


def test_attention__to_wrong_labels_is_stated_beside_chance(draw, make_run, three_classes, tmp_path):
    better = tmp_path / "better"
    shutil.copytree(three_classes.root, better)
    moved = sorted((better / "test" / "sadness").iterdir())[:2]
    for path in moved:
        path.rename(better / "test" / "happiness" / path.name)
    figure = BatchAttention(truth=str(better))
    result = draw(figure, [make_run("run")], three_classes, tmp_path / "out", count=24)
    [remark] = [remark for remark in result.remarks if "another label" in remark]
    assert remark.startswith("2 images of the batch have another label in")
    arrays = np.load(tmp_path / "out" / "attention.npz")
    wrong = np.isin([Path(name).name for name in arrays["images"].tolist()], [path.name for path in moved])
    share = arrays["attention_of_others"][:, :, wrong].sum(axis=2).mean()
    assert f"{percent(float(share))} of the attention to other images" in remark
    assert f"{percent(float(wrong.mean()))} is expected" in remark


def test_attention__of_a_run_with_label_noise_marks_the_wrong_labels(draw, rows_of, make_run, two_classes, tmp_path):
    faces = open_dataset(str(two_classes(train=8)))
    run = make_run("run")
    changes = TrainingChanges(noise=0.25)
    noisy = apply_changes(faces, changes)
    record = json.loads(RunFolder(run).config.read_text())
    record |= {"changes": asdict(changes), "fingerprint": noisy.fingerprint}
    RunFolder(run).config.write_text(json.dumps(record))
    wrong = {
        sample.called(noisy.root): (noisy.labels[sample.label], noisy.labels[sample.true_label])
        for sample in noisy.split("train")
        if sample.true_label is not None
    }
    result = draw(BatchAttention(), [run], faces, tmp_path / "out", count=len(noisy.split("train")), split="train")
    rows = [row for row in rows_of(tmp_path / "out" / "attention.csv") if row["class"] == "sadness"]
    assert {row["image"]: (row["label"], row["true_label"]) for row in rows if row["true_label"]} == wrong
    [remark] = [remark for remark in result.remarks if "label noise" in remark]
    assert remark.startswith(f"{len(wrong)} images of the batch have another label")
    page = (tmp_path / "out" / "attention.html").read_text(encoding="utf-8")
    assert any(f"{label}, wrong: {true}" in page for label, true in wrong.values())
    # another data set than the run's keeps its labels
    record["fingerprint"] = "other"
    RunFolder(run).config.write_text(json.dumps(record))
    other = draw(BatchAttention(), [run], faces, tmp_path / "other", count=10, split="train")
    assert not any("label noise" in remark for remark in other.remarks)


def test_batch__of_a_run_with_label_noise_is_not_drawn_with_the_numbers_of_the_noise(two_classes):
    noisy = apply_changes(open_dataset(str(two_classes(train=40))), TrainingChanges(noise=0.25, noise_seed=0))
    images = sampled_images(noisy, "train", 20, seed=0, balanced=False)
    wrong = sum(image.true_label is not None for image in images)
    assert len(noisy.split("train")) == 80
    assert 1 <= wrong <= 10  # all 20 with the same random numbers; 5 are expected
