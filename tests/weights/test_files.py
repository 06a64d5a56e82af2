import dataclasses

import pytest
import torch

from fercli.errors import WeightsError
from fercli.weights.files import PartCard, check_keys, load_part, load_weights, read_card, save_part, save_weights


def test_save_weights__numbers_and_card_come_back(tmp_path, card):
    path = tmp_path / "new" / "w.safetensors"
    state = {"a.weight": torch.tensor([[1.5, -2.0]]), "a.count": torch.tensor(7)}
    save_weights(path, state, card)
    loaded, read = load_weights(path)
    assert read == card
    assert read_card(path) == card
    assert loaded["a.count"].dtype == torch.int64
    assert torch.equal(loaded["a.weight"], state["a.weight"])
    assert list(path.parent.iterdir()) == [path]


def test_save_weights__shared_and_sliced_tensors_are_written_whole(tmp_path, card):
    base = torch.arange(6.0)
    save_weights(tmp_path / "w.safetensors", {"x": base[::2], "y": base}, card)
    assert load_weights(tmp_path / "w.safetensors")[0]["x"].tolist() == [0, 2, 4]


def test_save_weights__a_failure_leaves_the_old_file(tmp_path, card, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": torch.zeros(1)}, card)

    def full_disk(tensors, filename, metadata):
        filename.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_weights(path, {"x": torch.ones(1)}, card)
    assert load_weights(path)[0]["x"].item() == 0
    assert list(tmp_path.iterdir()) == [path]


def test_load_weights__missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file .*gone\.safetensors"):
        load_weights(tmp_path / "gone.safetensors")


def test_load_weights__a_pickled_file_is_sent_to_convert(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"x": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="pickled") as caught:
        load_weights(path)
    assert caught.value.fix == f"fer convert {path} {tmp_path / 'model.safetensors'}"


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"\x10\x00\x00\x00\x00\x00\x00\x00{broken"])
def test_load_weights__other_content_is_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file, or is truncated"):
        load_weights(tmp_path / "w.safetensors")


def test_load_weights__a_file_cut_short_is_refused(tmp_path, card):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": torch.zeros(100)}, card)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError, match="truncated"):
        load_weights(path)


def test_load_weights__without_a_card_reports_what_is_missing(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="has no card"):
        load_weights(tmp_path / "w.safetensors")


def test_load_weights__a_backbone_is_not_a_model(tmp_path):
    save_part(tmp_path / "b.safetensors", {"image_backbone.x": torch.zeros(1)}, PartCard("image_backbone", {}))
    with pytest.raises(WeightsError, match="only the image_backbone"):
        load_weights(tmp_path / "b.safetensors")


def test_save_part__keys_and_provenance_come_back(tmp_path):
    card = PartCard("landmark_backbone", {"source": "here"})
    save_part(tmp_path / "b.safetensors", {"landmark_backbone.x": torch.ones(2)}, card)
    state, read = load_part(tmp_path / "b.safetensors")
    assert read == card
    assert state["landmark_backbone.x"].tolist() == [1, 1]


def test_save_part__refuses_keys_of_another_part(tmp_path):
    with pytest.raises(ValueError, match="must start with"):
        save_part(tmp_path / "b.safetensors", {"vit.x": torch.ones(2)}, PartCard("image_backbone", {}))


def test_load_part__a_whole_model_is_not_a_backbone(tmp_path, card):
    save_weights(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, card)
    with pytest.raises(WeightsError, match="not a backbone file"):
        load_part(tmp_path / "w.safetensors")


def test_check_keys__names_a_few_of_each_fault():
    expected = {name: torch.zeros(2) for name in ("a", "b", "c", "d", "e", "f")}
    state = {"a": torch.zeros(3), "z": torch.zeros(1)}
    with pytest.raises(WeightsError) as caught:
        check_keys(state, expected, where="w.safetensors")
    assert caught.value.message == (
        "w.safetensors does not match the model in its card: 5 missing (b, c, d, e and 1 more); "
        "1 unknown (z); 1 of another shape (a [3] for [2])"
    )


def test_read_card__of_an_unknown_format_is_refused(tmp_path, card):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": torch.zeros(1)}, dataclasses.replace(card, format=99))
    with pytest.raises(WeightsError, match="card format 99"):
        read_card(path)
