"""The command line of `fer export`, with the export itself replaced."""

import json
from dataclasses import replace

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.export.float16_storage import Float16Storage
from fercli.export.options import ExportReport
from fercli.export.parity import Parity
from fercli.weights import find

PARITY = Parity("generated", 32, (1, 2, 7, 32), 2e-3, 3e-4, 1.5, 1.0, 1.0, 2e-6, "2.9", "onnxruntime 1.30")
STORAGE = Float16Storage(31, ("cross.0.gamma",), 2.1e-4)


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """The arguments of every call; the default model is a file in an empty folder."""
    calls = []

    def export(source, out, options, progress):
        calls.append((source, out, options))
        report = ExportReport(
            out, 1_500_000, "fer-compact", 20, 1234, options.interface, options.precision, PARITY, STORAGE, None
        )
        on_device = replace(PARITY, max_difference=4e-3, runtime="onnxruntime 1.30 on cuda:0")
        return report if options.device == "cpu" else replace(report, device_parity=on_device)

    monkeypatch.setattr("fercli.export.export.export", export)
    monkeypatch.setattr(find, "weights_folders", lambda: (tmp_path,))
    (tmp_path / "fer-compact.safetensors").touch()
    return calls


def test_export__without_a_format_lists_them(calls, capsys):
    assert main(["export"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        "error: choose one format: --onnx or --pt2",
        "fix: fer export --onnx",
    ]
    assert calls == []


def test_export__a_program_has_no_other_input_or_precision(calls, capsys):
    assert main(["export", "--pt2", "--precision", "int8"]) == ExitCode.USAGE
    assert "for ONNX files" in capsys.readouterr().err
    assert main(["export", "--pt2", "--onnx"]) == ExitCode.USAGE
    assert main(["export", "--pt2", "--device", "cuda"]) == ExitCode.USAGE


def test_export__passes_the_opset_on(calls):
    assert main(["export", "--onnx", "--opset", "18"]) == 0
    assert calls[0][2].opset == 18
    assert main(["export", "--onnx", "--opset", "17"]) == ExitCode.USAGE


def test_export__the_default_model_is_written_to_this_folder(calls, capsys, tmp_path):
    assert main(["export", "--onnx"]) == ExitCode.DONE
    ((source, out, options),) = calls
    assert (source, str(out)) == (tmp_path / "fer-compact.safetensors", "fer-compact.onnx")
    assert (options.faces, options.store, options.overwrite) == (None, "fp16", False)
    printed = capsys.readouterr()
    assert "0.002 in a logit" in printed.out
    assert "2e-06" in printed.out
    assert "in batches of 1, 2, 7, 32 on 32 generated images, no real faces (--faces DIR)" in " ".join(
        printed.out.split()
    )
    assert "float16 (31 tensors, changed by up to 0.02 %, 1 tensor kept in float32)" in " ".join(printed.out.split())
    assert "1.5 MB" in printed.out
    assert "fer predict PHOTO --weights fer-compact.onnx" in printed.err


def test_export__json_is_one_line_with_the_parity(calls, capsys):
    assert main(["export", "--onnx", "--out", "mine.onnx", "--json"]) == ExitCode.DONE
    report = json.loads(capsys.readouterr().out)
    assert report["out"] == "mine.onnx"
    assert report["parity"]["top1_agreement"] == 1.0


def test_export__passes_input_precision_and_storage_on(calls, capsys):
    arguments = ["--input", "faces", "--precision", "int8", "--store", "fp32", "--faces", "crops"]
    assert main(["export", "--onnx", *arguments]) == ExitCode.DONE
    options = calls[0][2]
    assert (options.interface, options.precision, options.store) == ("faces", "int8", "fp32")
    assert "int8" in capsys.readouterr().out


def test_export__names_the_device_of_the_second_comparison(calls, capsys):
    assert main(["export", "--onnx", "--device", "cuda"]) == ExitCode.DONE
    assert calls[0][2].device == "cuda"
    printed = " ".join(capsys.readouterr().out.split())
    assert "onnxruntime 1.30 on cuda:0 0.004 in a logit (mean 0.0003), same class on 100.0 %" in printed


def test_export__unknown_weights_are_a_weights_error(calls, capsys):
    assert main(["export", "--onnx", "--weights", "nobody"]) == ExitCode.WEIGHTS
    assert "known names: fer-compact" in capsys.readouterr().err
