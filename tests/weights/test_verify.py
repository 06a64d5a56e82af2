"""Weights files against their receipts."""

from __future__ import annotations

from fercli.weights.pull import pull
from fercli.weights.verify import verify


def test_verify__reports_changed_and_missing_files(file_server, registry, cache, landmark_file):
    registry_file = registry({"name": "landmarks", "locations": [file_server.serve("/net", landmark_file)]})
    assert [result.status for result in verify(["landmarks"], registry=registry_file)] == ["not pulled"]
    path = pull("landmarks", registry=registry_file).outputs["landmarks"]
    assert {result.status for result in verify(["landmarks"], registry=registry_file)} == {"ok"}
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert {result.path.name: result.status for result in verify(["landmarks"], registry=registry_file)} == {
        "net.pth.tar": "ok",
        "landmarks.safetensors": "changed",
    }
    path.unlink()
    assert [result.status for result in verify(["landmarks"], registry=registry_file)] == ["ok", "missing"]


def test_verify__reads_shipped_and_imported_weights(cache):
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "mine.safetensors").write_bytes(b"broken")
    statuses = {(result.name, result.path.suffix): result.status for result in verify()}
    assert statuses["fer-compact", ".safetensors"] == statuses["fer-compact", ".onnx"] == "ok"
    assert statuses["mine", ".safetensors"] == "broken"
