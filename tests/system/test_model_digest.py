"""The digest inside a model's file: what it covers, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from fercli.cli.main import main
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import WeightsError
from fercli.system.model_digest import add_onnx_digest, check_digest
from fercli.system.onnx_session import open_session
from fercli.system.shipped import detector_file
from fercli.weights.card import WeightsCard
from fercli.weights.files import PartCard, load_part, load_weights, save_part, save_weights
from fercli.weights.find import find_weights
from fercli.weights.registry import read_registry

CARD = WeightsCard(
    name="test", version="1", labels=("neutral", "happiness"), schema="two",
    crop=template("arcface"), model=model_preset("btn-tiny"),
)  # fmt: skip


def _onnx(path: Path, **metadata: str) -> Path:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [value],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])], [weights])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": CARD.to_json(), **metadata})
    onnx.save(model, path)
    return path


def _safetensors(path: Path) -> Path:
    save_weights(path, {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(7)}, CARD)
    return path


def test_add_onnx_digest__is_the_hash_of_everything_but_the_metadata(tmp_path: Path):
    path = _onnx(tmp_path / "a.onnx", interface="images", note="free")
    bare = onnx.load(path)
    metadata = {entry.key: entry.value for entry in bare.metadata_props}
    del bare.metadata_props[:]
    covered = [f"{name}\0{metadata[name]}\0".encode() for name in ("card", "interface")]
    add_onnx_digest(path)
    stated = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    expected = hashlib.sha256(b"onnx\n" + bare.SerializeToString() + b"".join(covered)).hexdigest()
    assert stated == {**metadata, "digest": f"sha256:{expected}"}
    onnx.checker.check_model(path, full_check=True)
    with pytest.raises(ValueError, match="has a digest"):
        add_onnx_digest(path)


def test_save_weights__writes_a_digest_of_tensors_and_card(tmp_path: Path):
    content = _safetensors(tmp_path / "w.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__")
    assert list(metadata) == ["card", "digest"]
    facts = json.dumps(header, sort_keys=True) + f"\ncard\0{metadata['card']}\0"
    expected = hashlib.sha256(b"safetensors\n" + facts.encode() + content[8 + size :]).hexdigest()
    assert metadata["digest"] == f"sha256:{expected}"


def test_save_weights__writes_the_same_bytes_every_time(tmp_path: Path):
    # safetensors itself writes metadata in an arbitrary order
    contents = {_safetensors(tmp_path / f"{number}.safetensors").read_bytes() for number in range(12)}
    assert len(contents) == 1


@pytest.mark.parametrize("kind", ["onnx", "safetensors"])
def test_check_digest__refuses_every_flipped_bit_that_answers_depend_on(kind: str, tmp_path: Path):
    path = tmp_path / f"w.{kind}"
    if kind == "onnx":
        add_onnx_digest(_onnx(path))
    else:
        _safetensors(path)
    assert check_digest(path) == "verified"
    content = path.read_bytes()
    unnoticed = []
    for place in range(len(content)):
        broken = bytearray(content)
        broken[place] ^= 1 << place % 8
        path.write_bytes(broken)
        try:
            if check_digest(path) == "verified":
                unnoticed.append(place)
        except WeightsError as error:
            assert error.exit_code == 4  # noqa: PT017
    # what is not covered: nothing of ONNX; spaces that fill the header of safetensors, and the place of a comma there
    assert all(content[place : place + 1] in b" " for place in unnoticed), unnoticed


def test_load__refuses_changed_tensors_and_cards(tmp_path: Path):
    path = _safetensors(tmp_path / "w.safetensors")
    content = path.read_bytes()
    for broken in (content[:-3] + b"\x41" + content[-2:], content.replace(b"happiness", b"happinesS")):
        path.write_bytes(broken)
        with pytest.raises(WeightsError, match="does not match its digest"):
            load_weights(path)
    part = tmp_path / "p.safetensors"
    save_part(part, {"image_backbone.x": torch.ones(2)}, PartCard("image_backbone", {"source": "here"}))
    part.write_bytes(part.read_bytes().replace(b"here", b"hire"))
    with pytest.raises(WeightsError, match="does not match its digest"):
        load_part(part)
    session = add_onnx_digest(_onnx(tmp_path / "a.onnx"))
    assert session is None
    content = (tmp_path / "a.onnx").read_bytes()
    (tmp_path / "a.onnx").write_bytes(content.replace(np.float32(2).tobytes(), np.float32(3).tobytes()))
    with pytest.raises(WeightsError, match="does not match its digest"):
        open_session(tmp_path / "a.onnx", "cpu")


def test_check_digest__accepts_files_without_one(tmp_path: Path):
    assert check_digest(_onnx(tmp_path / "a.onnx")) == "none"
    assert open_session(tmp_path / "a.onnx", "cpu")[1] == "cpu"
    (tmp_path / "b.onnx").write_bytes(b"not a protobuf")
    (tmp_path / "b.safetensors").write_bytes(b"\xff" * 40)
    assert {check_digest(tmp_path / name) for name in ("b.onnx", "b.safetensors", "none.onnx")} == {"none"}


def test_check_digest__survives_a_rewrite_by_the_onnx_package(tmp_path: Path):
    path = _onnx(tmp_path / "a.onnx")
    add_onnx_digest(path)
    onnx.save(onnx.load(path), path)
    assert check_digest(path) == "verified"


def test_shipped_files__all_have_digests():
    paths = [find_weights(None, (suffix,)) for suffix in (".onnx", ".safetensors")]
    paths += [detector_file(f"{name}.onnx") for name in ("pnet", "rnet", "onet", "yunet")]
    assert {path.name: check_digest(path) for path in paths} == {path.name: "verified" for path in paths}


def test_shipped_registry__has_a_digest(tmp_path: Path):
    path = find_weights(None, (".onnx",)).parent / "registry.json"
    content = json.loads(path.read_text())
    stated = content.pop("digest")
    assert stated == "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    damaged = tmp_path / "registry.json"
    damaged.write_text(path.read_text().replace("drive", "drivf").replace("gdrive:17Q", "gdrive:17R"))
    with pytest.raises(WeightsError, match="is damaged: its digest does not match"):
        read_registry(damaged)


def test_predict__refuses_a_damaged_model_in_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "w.onnx"
    shutil.copy(find_weights(None, (".onnx",)), path)
    with path.open("r+b") as file:
        file.seek(6_000_000)
        byte = file.read(1)[0]
        file.seek(6_000_000)
        file.write(bytes([byte ^ 4]))
    (tmp_path / "a.png").write_bytes(b"")
    assert main(["predict", str(tmp_path / "a.png"), "-w", str(path)]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "does not match its digest" in lines[0]


def test_describe__says_whether_the_file_has_a_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = _onnx(tmp_path / "a.onnx")
    assert main(["describe", str(path)]) == 0
    assert "The file has no digest" in capsys.readouterr().out
    add_onnx_digest(path)
    assert main(["describe", str(path)]) == 0
    assert "The file matches the digest inside it." in capsys.readouterr().out
    assert main(["describe", "btn-tiny"]) == 0
    assert "digest" not in capsys.readouterr().out
