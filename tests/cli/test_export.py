"""`fer export` as it is typed, over a step that is not run."""

import json

import pytest

from fercli.cli.main import main
from fercli.errors import ExitCode
from fercli.steps.export import ExportReport, Parity
from fercli.store import weights

PARITY = Parity("generated", (1, 3, 7, 16), 2e-6, 3e-7, 1.0, "2.9", "1.30")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the step was asked to do; the default model is a file in an empty place."""
    calls = []

    def export(source, out, **options):
        calls.append((source, out, options))
        return ExportReport(out, 1_500_000, "fer-compact", 20, 1234, PARITY)

    monkeypatch.setattr("fercli.steps.export.export", export)
    monkeypatch.setattr(weights, "weights_folders", lambda: (tmp_path,))
    (tmp_path / "fer-compact.safetensors").touch()
    return calls


def test_export__without_a_format_says_which_there_are(asked, capsys):
    assert main(["export"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        "error: no format to export to; there is one: --onnx",
        "fix: fer export --onnx",
    ]
    assert asked == []


def test_export__the_default_model_goes_beside_you(asked, capsys, tmp_path):
    assert main(["export", "--onnx"]) == ExitCode.DONE
    ((source, out, options),) = asked
    assert (source, str(out)) == (tmp_path / "fer-compact.safetensors", "fer-compact.onnx")
    assert (options["faces"], options["overwrite"]) == (None, False)
    told = capsys.readouterr()
    assert "2e-06 in a logit" in told.out
    assert "1.5 MB" in told.out
    assert "fer predict PHOTO --weights fer-compact.onnx" in told.err


def test_export__json_is_one_line_with_the_proof(asked, capsys):
    assert main(["export", "--onnx", "--out", "mine.onnx", "--json"]) == ExitCode.DONE
    report = json.loads(capsys.readouterr().out)
    assert report["out"] == "mine.onnx"
    assert report["parity"]["top1_agreement"] == 1.0


def test_export__unknown_weights_are_a_weights_error(asked, capsys):
    assert main(["export", "--onnx", "--weights", "nobody"]) == ExitCode.WEIGHTS
    assert "known names: fer-compact" in capsys.readouterr().err
