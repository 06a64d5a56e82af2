"""`fer export` as it is typed, over a step that is not run."""

import json

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.export.export import ExportReport
from fercli.export.halves import Halves
from fercli.export.parity import Parity
from fercli.weights import files as weights

PARITY = Parity("generated", 32, (1, 2, 7, 32), 2e-3, 3e-4, 1.5, 1.0, 1.0, 2e-6, "2.9", "onnxruntime 1.30")
HALVES = Halves(31, ("cross.0.gamma",), 2.1e-4)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the step was asked to do; the default model is a file in an empty place."""
    calls = []

    def export(source, out, **options):
        calls.append((source, out, options))
        return ExportReport(
            out, 1_500_000, "fer-compact", 20, 1234, options["interface"], options["precision"], PARITY, HALVES, None
        )

    monkeypatch.setattr("fercli.export.export.export", export)
    monkeypatch.setattr(weights, "weights_folders", lambda: (tmp_path,))
    (tmp_path / "fer-compact.safetensors").touch()
    return calls


def test_export__without_a_format_says_which_there_are(asked, capsys):
    assert main(["export"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        "error: one format to export to, please: --onnx or --pt2",
        "fix: fer export --onnx",
    ]
    assert asked == []


def test_export__a_program_has_no_other_input_or_precision(asked, capsys):
    assert main(["export", "--pt2", "--precision", "int8"]) == ExitCode.USAGE
    assert "for ONNX files" in capsys.readouterr().err
    assert main(["export", "--pt2", "--onnx"]) == ExitCode.USAGE


def test_export__the_default_model_goes_beside_you(asked, capsys, tmp_path):
    assert main(["export", "--onnx"]) == ExitCode.DONE
    ((source, out, options),) = asked
    assert (source, str(out)) == (tmp_path / "fer-compact.safetensors", "fer-compact.onnx")
    assert (options["faces"], options["store"], options["overwrite"]) == (None, "fp16", False)
    told = capsys.readouterr()
    assert "0.002 in a logit" in told.out
    assert "2e-06" in told.out
    assert "in batches of 1, 2, 7, 32 on 32 generated images, no real faces (--faces DIR)" in " ".join(told.out.split())
    assert "float16 (31 tensors, changed by up to 0.02%, 1 that do not fit kept in float32)" in " ".join(
        told.out.split()
    )
    assert "1.5 MB" in told.out
    assert "fer predict PHOTO --weights fer-compact.onnx" in told.err


def test_export__json_is_one_line_with_the_proof(asked, capsys):
    assert main(["export", "--onnx", "--out", "mine.onnx", "--json"]) == ExitCode.DONE
    report = json.loads(capsys.readouterr().out)
    assert report["out"] == "mine.onnx"
    assert report["parity"]["top1_agreement"] == 1.0


def test_export__what_the_file_takes_and_computes_in_reaches_the_step(asked, capsys):
    words = ["--input", "faces", "--precision", "int8", "--store", "fp32"]
    assert main(["export", "--onnx", *words]) == ExitCode.DONE
    options = asked[0][2]
    assert (options["interface"], options["precision"], options["store"]) == ("faces", "int8", "fp32")
    assert "int8" in capsys.readouterr().out


def test_export__unknown_weights_are_a_weights_error(asked, capsys):
    assert main(["export", "--onnx", "--weights", "nobody"]) == ExitCode.WEIGHTS
    assert "known names: fer-compact" in capsys.readouterr().err
