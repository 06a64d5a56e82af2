"""The check in a file's metadata: a test image by a formula, and the logits for it."""

import numpy as np
import pytest

from fercli.weights.classifier import load_classifier

pytestmark = pytest.mark.slow  # the exporter takes seconds


def test_self_check__can_be_repeated_with_the_file_alone(exported, float16_stored, run_check):
    for report in (exported, float16_stored):
        logits, check, card = run_check(report.out)
        assert check["tolerance"] == 1e-3
        np.testing.assert_allclose(logits, check["logits"], atol=1e-4)
        exponentials = np.exp(np.array(check["logits"]) / card["temperature"])
        np.testing.assert_allclose(check["probabilities"], exponentials / exponentials.sum(), atol=2e-4)


def test_self_check__notices_mirrored_images_and_swapped_channels(exported, read_metadata):
    check = read_metadata(exported.out)["check"]
    y, x, c = np.mgrid[:48, :48, :3]
    picture = ((5 * y + 3 * x + 80 * c) % 256).astype(np.uint8)
    for other in (picture[:, ::-1], picture[::-1], picture.swapaxes(0, 1), picture[..., ::-1]):
        [logits] = load_classifier(exported.out, device="cpu").logits(np.ascontiguousarray(other[None]))
        assert np.abs(logits - check["logits"]).max() > 10 * check["tolerance"]
