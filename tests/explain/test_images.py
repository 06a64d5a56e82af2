"""Images of a figure: found by any of their names, sampled by a seed, balanced over the classes."""

from __future__ import annotations

from collections import Counter

import pytest

from fercli.errors import DataError
from fercli.explain.images import labelled_images, load_crops, named_images, sampled_images


def test_named_images__are_selected_by_file_name_stem_and_path(three_classes):
    image = labelled_images(three_classes, "test")[5]
    path = image.sample.path
    names = [image.name, path.name, path.stem, str(path)]
    assert named_images(three_classes, "test", names) == (image,) * 4
    with pytest.raises(DataError, match=r"no labelled test image .* is nobody"):
        named_images(three_classes, "test", ["nobody", path.name])


def test_sampled_images__balanced_have_the_same_number_of_each_class(three_classes):
    images = sampled_images(three_classes, "test", 6, seed=1, balanced=True)
    assert Counter(image.label for image in images) == {"neutral": 2, "happiness": 2, "sadness": 2}
    assert images == sampled_images(three_classes, "test", 6, seed=1, balanced=True)
    assert len(sampled_images(three_classes, "test", 100, seed=1, balanced=False)) == 24


def test_labelled_images__of_a_missing_split_names_one_that_is_there(three_classes):
    with pytest.raises(DataError) as caught:
        labelled_images(three_classes, "val")
    assert caught.value.fix == "--split test"


def test_load_crops__are_stacked_at_the_requested_size(three_classes):
    crops = load_crops(labelled_images(three_classes, "test")[:3], 20)
    assert (crops.shape, crops.dtype.name) == ((3, 20, 20, 3), "uint8")
