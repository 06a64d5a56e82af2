"""ONNX files that were made to read other files, to crash ONNX Runtime or to take its time and memory are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.weights.card import WeightsCard

CARD = WeightsCard(
    name="test", version="1", labels=("neutral", "happiness", "anger"), schema="three",
    crop=template("arcface"), model=model_preset("btn-tiny"),
)  # fmt: skip
PEAK_KB = 400_000  # a started `fer` has about 110,000
RUN_PEAK_KB = 4_600_000  # a network that runs may take 4 GB (docs/security.md)
OPEN = """
import sys
from pathlib import Path
from fercli.cli.main import main
from fercli.weights import onnx_probe
onnx_probe.LIMIT_S = float(sys.argv[3])
status = main(["predict", sys.argv[1], "--weights", sys.argv[2], "--device", "cpu", "--crops"])
print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]) # ru_maxrss may be that of the parent
sys.exit(status)
"""
PREDICT = """
from fercli.entry import run
from fercli.system import onnx_session
onnx_session.LOAD_LIMIT_S = 2.0
run()
"""
LOAD = """
import sys
from pathlib import Path
from fercli.system.onnx_session import open_session
open_session(Path(sys.argv[1]), "cpu", limited=True)
print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])
"""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in KiB on Linux")]


def _tensor(name: str, dims: list[int], *, raw: bytes = b"", place: str = "") -> TensorProto:
    """A float tensor with these bytes, or with its values in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
    if place:
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": place, "offset": "0", "length": str(4 * int(np.prod(dims)))}.items():
            tensor.external_data.add(key=key, value=value)
    else:
        tensor.raw_data = raw
    return tensor


def _model(
    nodes: list[onnx.NodeProto],
    initializers: list[TensorProto] | None = None,
    *,
    functions: list[onnx.FunctionProto] | None = None,
    output: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """`nodes` make `logits` from `means`, the means of the channels [B, 3]."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0), *nodes],
        "hostile",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", output, ["batch", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]), *(initializers or [])],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=functions or [])
    helper.set_model_props(model, {"card": CARD.to_json()})
    return model


def _add(weights: TensorProto) -> onnx.ModelProto:
    return _model([helper.make_node("Add", ["means", weights.name], ["logits"])], [weights])


def _mean(weights: TensorProto) -> onnx.ModelProto:
    """As `_add`, for values of any shape."""
    nodes = [
        helper.make_node("ReduceMean", [weights.name], ["mean"], keepdims=0),
        helper.make_node("Add", ["means", "mean"], ["logits"]),
    ]
    return _model(nodes, [weights])


def _custom_operator(_: Path) -> onnx.ModelProto:
    return _model([helper.make_node("Evil", ["means"], ["logits"], domain="own")])


def _huge_raw(_: Path) -> onnx.ModelProto:
    return _mean(_tensor("weights", [2**20, 2**20], raw=bytes(12)))


def _huge_overflow(_: Path) -> onnx.ModelProto:
    return _mean(_tensor("weights", [2**32, 2**31, 2], raw=bytes(12)))


def _huge_typed(_: Path) -> onnx.ModelProto:
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[2**40])
    tensor.float_data.extend([0.0] * 3)
    return _mean(tensor)


def _huge_sparse(_: Path) -> onnx.ModelProto:
    model = _model([helper.make_node("ReduceMean", ["weights"], ["mean"], keepdims=0),
                    helper.make_node("Add", ["means", "mean"], ["logits"])])  # fmt: skip
    values = helper.make_tensor("weights", TensorProto.FLOAT, [1], [1.0])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [5])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2**40]))
    return model


def _huge_run(_: Path) -> onnx.ModelProto:
    """A small file that asks for 3 TB while it runs."""
    nodes = [
        helper.make_node("Shape", ["means"], ["size"]),
        helper.make_node("Mul", ["size", "factor"], ["shape"]),
        helper.make_node("Expand", ["one", "shape"], ["filled"]),
        helper.make_node("ReduceMean", ["filled"], ["mean"], keepdims=0),
        helper.make_node("Add", ["means", "mean"], ["logits"]),
    ]
    return _model(nodes, [helper.make_tensor("factor", TensorProto.INT64, [2], [2**20, 2**18]),
                          helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])])  # fmt: skip


def _filled(shape: list[int]) -> list[onnx.NodeProto]:
    """Build nodes that make `filled`, ones of this shape, from constants."""
    size = helper.make_tensor("s", TensorProto.INT64, [len(shape)], shape)
    one = helper.make_tensor("o", TensorProto.FLOAT, [1], [1.0])
    return [helper.make_node("Constant", [], ["shape"], value=size),
            helper.make_node("Constant", [], ["one"], value=one),
            helper.make_node("Expand", ["one", "shape"], ["filled"])]  # fmt: skip


def _products_of_constants() -> onnx.ModelProto:
    """Build 3,000 products of matrices, which could be computed when the file is loaded: 10 ** 13 operations."""
    names = ["filled", *(f"product{number}" for number in range(3000))]
    nodes = [helper.make_node("MatMul", [before, "filled"], [after]) for before, after in pairwise(names)]
    nodes += [
        helper.make_node("ReduceMean", [names[-1]], ["mean"], keepdims=0),
        helper.make_node("Add", ["means", "mean"], ["logits"]),
    ]
    return _model([*_filled([1500, 1500]), *nodes])


def _contrast(factor: float) -> list[onnx.NodeProto]:
    """Nodes that make `count`: the range of a face's values, times a factor; 0 for a blank face."""
    value = helper.make_tensor("f", TensorProto.FLOAT, [], [factor])
    return [
        helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0),
        helper.make_node("ReduceMin", ["images"], ["least"], keepdims=0),
        helper.make_node("Sub", ["most", "least"], ["range"]),
        helper.make_node("Constant", [], ["factor"], value=value),
        helper.make_node("Mul", ["range", "factor"], ["times"]),
        helper.make_node("Cast", ["times"], ["count"], to=TensorProto.INT64),
    ]


def _huge_for_faces(_: Path) -> onnx.ModelProto:
    """Asks for 8 GB or more as soon as it is given a face that is not blank."""
    nodes = [
        *_contrast(1e9),
        helper.make_node("Reshape", ["count", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["filled"]),
        helper.make_node("ReduceSum", ["filled"], ["sum"], keepdims=0),
        helper.make_node("Add", ["means", "sum"], ["logits"]),
    ]
    return _model(nodes, [helper.make_tensor("one", TensorProto.INT64, [1], [1])])


def _loop_for_faces(_: Path) -> onnx.ModelProto:
    loop = _loop_nodes("means", "logits")
    loop[-1].input[0] = "count"
    return _model([*_contrast(1e9), *loop])


def _field(number: int, content: bytes) -> bytes:
    """Field `number` (at most 15) of a protobuf message: a string, bytes or a message."""
    size, out = len(content), bytes([number << 3 | 2])
    while size > 127:
        size, out = size >> 7, out + bytes([size & 127 | 128])
    return out + bytes([size]) + content


def _nested(depth: int) -> bytes:
    """If in If in If ... as bytes: the onnx package refuses to build it.

    Field numbers: of a model 7 graph; of a graph 1 node, 2 name, 12 output; of a node 5 attribute; of an attribute 6 graph.
    """
    negative = helper.make_node("Neg", ["means"], ["negative"]).SerializeToString()
    inner, name = helper.make_node("Identity", ["means"], ["out0"]).SerializeToString(), "out0"
    for level in range(1, depth + 1):
        outer = "logits" if level == depth else f"out{level}"
        node = helper.make_node("If", ["yes"], [outer]).SerializeToString()
        for branch, content, result in (("then_branch", inner, name), ("else_branch", negative, "negative")):
            value = helper.make_tensor_value_info(result, TensorProto.FLOAT, None).SerializeToString()
            graph = _field(1, content) + _field(2, b"branch") + _field(12, value)
            attribute = onnx.AttributeProto(name=branch, type=onnx.AttributeProto.GRAPH).SerializeToString()
            node += _field(5, attribute + _field(6, graph))
        inner, name = node, outer
    model = _model(
        [
            helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0),
            helper.make_node("Less", ["most", "limit"], ["yes"]),
        ],
        [helper.make_tensor("limit", TensorProto.FLOAT, [], [1e9])],
    )
    return model.SerializeToString() + _field(7, _field(1, inner))  # protobuf merges a second graph into the first


def _loop_nodes(start: str, end: str) -> list[onnx.NodeProto]:
    """10 ** 9 sines of `start`."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["sum"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    return [
        helper.make_node("Constant", [], ["steps"], value=helper.make_tensor("s", TensorProto.INT64, [], [10**9])),
        helper.make_node("Constant", [], ["true"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])),
        helper.make_node("Loop", ["steps", "true", start], [end], body=body),
    ]


def _loop(_: Path) -> onnx.ModelProto:
    return _model(_loop_nodes("means", "logits"))


def _loop_in_function(_: Path) -> onnx.ModelProto:
    function = helper.make_function("own", "Slow", ["x"], ["y"], _loop_nodes("x", "y"), [helper.make_opsetid("", 20)])
    return _model([helper.make_node("Slow", ["means"], ["logits"], domain="own")], functions=[function])


def _constant_loop(_: Path) -> onnx.ModelProto:
    """A loop over constants: nothing in it depends on the face, so that it could run when the file is loaded."""
    three = helper.make_tensor("three", TensorProto.FLOAT, [1, 3], [1.0, 2.0, 3.0])
    return _model([*_loop_nodes("three", "end"), helper.make_node("Add", ["means", "end"], ["logits"])], [three])


def _recursive_function(_: Path) -> onnx.ModelProto:
    own = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    function = helper.make_function(
        "own", "Slow", ["x"], ["y"], [helper.make_node("Slow", ["x"], ["y"], domain="own")], own
    )
    return _model([helper.make_node("Slow", ["means"], ["logits"], domain="own")], functions=[function])


def _doubling_functions(_: Path) -> onnx.ModelProto:
    """Each of 40 functions calls the one before twice: 2 ** 40 nodes when they are expanded."""
    own = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    functions = [helper.make_function("own", "F0", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], own)]
    for level in range(1, 41):
        calls = [
            helper.make_node(f"F{level - 1}", ["x"], ["m"], domain="own"),
            helper.make_node(f"F{level - 1}", ["m"], ["y"], domain="own"),
        ]
        functions.append(helper.make_function("own", f"F{level}", ["x"], ["y"], calls, own))
    return _model([helper.make_node("F40", ["means"], ["logits"], domain="own")], functions=functions)


def _string_output(_: Path) -> onnx.ModelProto:
    return _model([helper.make_node("Cast", ["means"], ["logits"], to=TensorProto.STRING)], output=TensorProto.STRING)


def _sequence_output(_: Path) -> onnx.ModelProto:
    model = _model([helper.make_node("SequenceConstruct", ["means"], ["logits"])])
    model.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("logits", TensorProto.FLOAT, ["batch", 3]))
    return model


def _optional_output(_: Path) -> onnx.ModelProto:
    model = _model(
        [
            helper.make_node(
                "Optional",
                [],
                ["logits"],
                type=helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["batch", 3])),
            )
        ]
    )
    model.graph.output[0].type.CopyFrom(
        helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["batch", 3]))
    )
    return model


def _huge_external(folder: Path) -> onnx.ModelProto:
    (folder / "values.bin").write_bytes(bytes(12))
    return _mean(_tensor("weights", [2**40], place="values.bin"))


def _external(place: Callable[[Path], str]) -> Callable[[Path], onnx.ModelProto]:
    def build(folder: Path) -> onnx.ModelProto:
        (folder.parent / "secret.bin").write_bytes(np.zeros(3, np.float32).tobytes())
        if not (folder / "link.bin").exists():
            (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
        return _add(_tensor("weights", [3], place=place(folder)))

    return build


FILES: dict[str, Callable[[Path], onnx.ModelProto | bytes]] = {
    "external-above": _external(lambda folder: "../secret.bin"),
    "external-absolute": _external(lambda folder: str(folder.parent / "secret.bin")),
    "external-link": _external(lambda folder: "link.bin"),
    "external-zero": _external(lambda folder: "/dev/zero"),
    "external-memory": _external(lambda folder: "*/_ORT_MEM_ADDR_/*"),
    "custom-operator": _custom_operator,
    "huge-raw": _huge_raw,
    "huge-overflow": _huge_overflow,
    "huge-typed": _huge_typed,
    "huge-external": _huge_external,
    "huge-sparse": _huge_sparse,
    "huge-run": _huge_run,
    "huge-for-faces": _huge_for_faces,
    "loop-for-faces": _loop_for_faces,
    "nested-200": lambda _: _nested(200),
    "loop": _loop,
    "loop-in-function": _loop_in_function,
    "constant-loop": _constant_loop,
    "recursive-function": _recursive_function,
    "doubling-functions": _doubling_functions,
    "string-output": _string_output,
    "sequence-output": _sequence_output,
    "optional-output": _optional_output,
}


def _predict(folder: Path, model: onnx.ModelProto | bytes, *, limit_s: float = 2) -> subprocess.CompletedProcess[str]:
    (folder / "m.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(folder / "a.png")  # not blank, as the probe's is
    return subprocess.run(
        [sys.executable, "-c", OPEN, str(folder / "a.png"), str(folder / "m.onnx"), str(limit_s)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_predict__refuses_a_hostile_onnx_file(kind: str, tmp_path: Path):
    folder = tmp_path / "files"
    folder.mkdir()
    done = _predict(folder, FILES[kind](folder))
    assert done.returncode == 4, done.stderr
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "fix"], done.stderr
    assert str(folder / "m.onnx") in lines[0]
    assert int(done.stdout.split()[-1]) < (RUN_PEAK_KB if kind.endswith("-for-faces") else PEAK_KB)


def test_predict__takes_shallow_branches_and_values_in_a_file_beside_it(tmp_path: Path):
    # the same files where they do no harm: so it is the depth and the place that are refused above
    assert _predict(tmp_path, _nested(20), limit_s=200).returncode == 0
    (tmp_path / "values.bin").write_bytes(np.zeros(3, np.float32).tobytes())
    assert _predict(tmp_path, _add(_tensor("weights", [3], place="values.bin")), limit_s=200).returncode == 0


def test_predict__ends_while_a_file_still_loads(tmp_path: Path):
    path = tmp_path / "m.onnx"
    path.write_bytes(_products_of_constants().SerializeToString())
    line = ["predict", str(tmp_path / "a.png"), "--weights", str(path), "--device", "cpu", "--crops"]
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *line], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines() == [
        f"error: {path}: loading takes more than 2 seconds",
        "fix: fer export --onnx",
    ]


def test_open_session__computes_no_large_constants_while_loading(tmp_path: Path):
    # 400 MB from a file of less than one kilobyte, which took 800 MB to load
    nodes = [
        helper.make_node("ReduceMean", ["filled"], ["mean"], keepdims=0),
        helper.make_node("Add", ["means", "mean"], ["logits"]),
    ]
    path = tmp_path / "m.onnx"
    path.write_bytes(_model([*_filled([100_000_000]), *nodes]).SerializeToString())
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, timeout=300, check=True
    )
    assert int(done.stdout) < PEAK_KB
