"""Score-CAM on a random small network, against its algorithm written out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fercli.errors import UsageError, WeightsError
from fercli.explain.images import load_crops, sampled_images
from fercli.explain.scorecam import LAYERS, CbaScore, ScoreCam, as_maps
from fercli.weights.network import load_network


@pytest.mark.slow
def test_scorecam__maps_of_every_layer_and_two_networks(draw, make_run, three_classes, tmp_path):
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
def test_scorecam__weights_maps_by_the_softmax_of_masked_scores(draw, make_run, three_classes, tmp_path):
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
        (lambda: ScoreCam(target="joy"), "--target joy is not a class", UsageError),
    ],
)
def test_scorecam__what_a_network_lacks_is_named(draw, make_run, three_classes, tmp_path, figure, message, kind):
    with pytest.raises(kind, match=message):
        draw(figure(), [make_run("run") / "last.safetensors"], three_classes, tmp_path / "out")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_cba_score__is_computed_on_every_device(make_run, device):
    network = load_network(make_run("run"), device=device)
    images = network.images(np.random.default_rng(1).integers(0, 255, (4, 48, 48, 3), dtype=np.uint8))
    with torch.no_grad():
        score = CbaScore(network.model, images[1:])(images[:1])
    assert score.device.type == device
    assert score.shape == (1, len(network.card.labels))
