"""Add preprocessing to an ONNX graph: from images of any size, optionally with face points, to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from fercli.weights.card import WeightsCard
from fercli.weights.onnx_interface import (
    CROPS,
    INPUT,
    IR_VERSION,
    OUTPUT,
    POINTS,
    PROBABILITIES,
    Interface,
    output_of,
)
from fercli.weights.preprocess import LUMA

MAX_SAMPLES = 8  # per side of a pixel of the crop: images up to 8 times the crop's side do not alias

# Letters: B faces, H x W size of their images, S side of the network's input, k samples per side of a pixel.
# Positions are continuous: (0, 0) is the corner of the first pixel. Position u of the crop is position
# centre + [[along, across], [-across, along]] (u - middle) of the image.

_ALIGN_FACE = """
  landmark_mean = ReduceMean <keepdims=1> (points, axis_1)            # [B, 1, 2]
  landmark_spread = Sub (points, landmark_mean)                       # [B, 5, 2]
  landmark_squares = Mul (landmark_spread, landmark_spread)
  landmark_energy = ReduceSum <keepdims=1> (landmark_squares, axes_1_2)   # [B, 1, 1]
  landmark_along = Mul (landmark_spread, template)
  landmark_across = Mul (landmark_spread, template_turned)
  fit_along = ReduceSum <keepdims=1> (landmark_along, axes_1_2)
  fit_across = ReduceSum <keepdims=1> (landmark_across, axes_1_2)
  along_squared = Mul (fit_along, fit_along)
  across_squared = Mul (fit_across, fit_across)
  fit_norm = Add (along_squared, across_squared)
  fit_scale = Div (landmark_energy, fit_norm)                         # of the inverse, from crop to image
  along = Mul (fit_along, fit_scale)                                  # [B, 1, 1]
  across = Mul (fit_across, fit_scale)
  centre_x, centre_y = Split <axis=2, num_outputs=2> (landmark_mean)  # [B, 1, 1]
"""

_CENTRE_IMAGE = """
  along_one = Div (longer, side)                                      # the whole image, centred
  batch_size = Shape <start=0, end=1> (crops)
  per_face = Concat <axis=0> (batch_size, one_one)                    # B, 1, 1
  along = Expand (along_one, per_face)
  across = Mul (along, zero)
  middle_xy = Div (width_height, two)
  centre_x_one, centre_y_one = Split <axis=0, num_outputs=2> (middle_xy)
  centre_x = Expand (centre_x_one, per_face)
  centre_y = Expand (centre_y_one, per_face)
"""

_WARP = """
  pixel_steps = Range (zero_scalar, side_scalar, one_scalar)
  pixel_middles = Add (pixel_steps, half)                             # [S]
  column = Sub (pixel_middles, middle_x)
  row = Sub (pixel_middles, middle_y)
  u = Unsqueeze (column, axes_0_1)                                    # [1, 1, S]
  v = Unsqueeze (row, axes_0_2)                                       # [1, S, 1]
  along_u = Mul (along, u)
  across_v = Mul (across, v)
  across_u = Mul (across, u)
  along_v = Mul (along, v)
  turned_x = Add (along_u, across_v)                                  # [B, S, S]
  turned_y = Sub (along_v, across_u)
  pixel_x = Add (turned_x, centre_x)
  pixel_y = Add (turned_y, centre_y)

  along_square = Mul (along, along)
  across_square = Mul (across, across)
  pixel_square = Add (along_square, across_square)
  pixel_side = Sqrt (pixel_square)                                    # [B, 1, 1], in pixels of the image
  pixel_half = Mul (pixel_side, half)
  first = Max (pixel_half, half)                                      # the border is repeated from here
  width, height = Split <axis=0, num_outputs=2> (width_height)
  last_x = Sub (width, first)
  last_y = Sub (height, first)
  from_left = Max (pixel_x, first)
  from_top = Max (pixel_y, first)
  inside_x = Min (from_left, last_x)
  inside_y = Min (from_top, last_y)

  sample_steps = Range (zero_scalar, fineness_scalar, one_scalar)
  sample_middles = Add (sample_steps, half)
  sample_positions = Div (sample_middles, fineness)
  sample = Sub (sample_positions, half)                                  # [k], -0.5..0.5 of a pixel
  du = Unsqueeze (sample, axes_0_1)                                   # [1, 1, k]
  dv = Unsqueeze (sample, axes_0_2)                                   # [1, k, 1]
  along_du = Mul (along, du)
  across_dv = Mul (across, dv)
  across_du = Mul (across, du)
  along_dv = Mul (along, dv)
  sample_x = Add (along_du, across_dv)                                # [B, k, k]
  sample_y = Sub (along_dv, across_du)

  pixels_x = Unsqueeze (inside_x, axes_2_4)                           # [B, S, 1, S, 1]
  pixels_y = Unsqueeze (inside_y, axes_2_4)
  samples_x = Unsqueeze (sample_x, axes_1_3)                          # [B, 1, k, 1, k]
  samples_y = Unsqueeze (sample_y, axes_1_3)
  image_x = Add (pixels_x, samples_x)                               # [B, S, k, S, k]
  image_y = Add (pixels_y, samples_y)
  x_last = Unsqueeze (image_x, axis_5)
  y_last = Unsqueeze (image_y, axis_5)
  positions = Concat <axis=5> (x_last, y_last)
  fine_side = Mul (fineness, side)
  fine_side_whole = Cast <to=7> (fine_side)
  grid_shape = Concat <axis=0> (any, fine_side_whole, fine_side_whole, two_whole)
  positions_flat = Reshape (positions, grid_shape)                          # [B, S k, S k, 2]
  positions_twice = Mul (positions_flat, two)
  positions_relative = Div (positions_twice, width_height)
  grid = Sub (positions_relative, one)                                      # -1..1 from edge to edge

  pixels = Cast <to=1> (crops)
  planes = Transpose <perm=[0, 3, 1, 2]> (pixels)                     # [B, 3, H, W]
  fine = GridSample <mode="linear", padding_mode="border", align_corners=0> (planes, grid)
  fineness_whole = Cast <to=7> (fineness)
  cells_shape = Concat <axis=0> (any, three_whole, side_whole, fineness_whole, side_whole, fineness_whole)
  cells = Reshape (fine, cells_shape)                                 # [B, 3, S, k, S, k]
  rgb = ReduceMean <keepdims=0> (cells, axes_3_5)                     # [B, 3, S, S]
  coloured = Div (rgb, white)
"""

_SIZES = """
  height_width = Shape <start=1, end=3> (crops)
  width_height_whole = Gather (height_width, swapped)
  width_height = Cast <to=1> (width_height_whole)
  longer = ReduceMax <keepdims=1> (width_height)                      # [1]
  longer_share = Div (longer, side)
  fineness_exact = Ceil (longer_share)
  fineness = Clip (fineness_exact, one_scalar, finest)                # [1], k
  fineness_scalar = Squeeze (fineness)
"""

_GREY = """
  weighted = Mul (coloured, luma)
  grey = ReduceSum <keepdims=1> (weighted, axis_1)
  unit = Concat <axis=1> (grey, grey, grey)
"""


def add_preprocessing(graph: Any, card: WeightsCard, interface: Interface) -> Any:
    """Add preprocessing before a graph from `images` to `logits`, and calibrated probabilities after it.

    interface: `crops` takes uint8 crops [B, H, W, 3] RGB of any size and scales each to fit, centred; `faces` also takes
    float32 points [B, 5, 2], x and y in pixels of the eyes, nose and mouth corners, and aligns each face to the card's
    template. Both give float32 probabilities [B, N] and logits [B, N], of every label convention. A pixel of a crop is the
    mean of k x k samples.
    """
    import onnx

    floats, integers = _constants(card, interface)
    tensors = [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in floats.items()]
    tensors += [onnx.numpy_helper.from_array(np.asarray(value, np.int64), name) for name, value in integers.items()]
    before = _nodes(
        _SIZES
        + (_ALIGN_FACE if interface == "faces" else _CENTRE_IMAGE)
        + _WARP
        + (_GREY if card.model.input.colour == "grey" else "  unit = Identity (coloured)\n")
        + f"  centred = Sub (unit, input_mean)\n  {INPUT} = Div (centred, deviation)\n"
    )
    heads = (None, *card.model.conventions)
    after = _nodes("".join(_probabilities(head) for head in heads))
    nodes = [*before, *graph.graph.node, *after]
    used = {name for node in nodes for name in node.input}
    inputs = [onnx.helper.make_tensor_value_info(CROPS, onnx.TensorProto.UINT8, ["batch", "height", "width", 3])]
    if interface == "faces":
        inputs.append(onnx.helper.make_tensor_value_info(POINTS, onnx.TensorProto.FLOAT, ["batch", 5, 2]))
    outputs = [
        onnx.helper.make_tensor_value_info(output_of(name, head), onnx.TensorProto.FLOAT, ["batch", len(card.labels)])
        for head in heads
        for name in (PROBABILITIES, OUTPUT)
    ]
    weights = [*graph.graph.initializer, *(tensor for tensor in tensors if tensor.name in used)]
    combined = onnx.helper.make_graph(nodes, card.name, inputs, outputs, weights)
    return onnx.helper.make_model(combined, opset_imports=graph.opset_import, ir_version=IR_VERSION)


def _probabilities(head: str | None) -> str:
    """Operators from the logits of a head to its calibrated probabilities."""
    cooled, temperature = output_of("cooled", head), output_of("temperature", head)
    return (
        f"  {cooled} = Div ({output_of(OUTPUT, head)}, {temperature})\n"
        f"  {output_of(PROBABILITIES, head)} = Softmax <axis=-1> ({cooled})\n"
    )


def _constants(card: WeightsCard, interface: Interface) -> tuple[dict[str, Any], dict[str, Any]]:
    """Constants of the graph's text by name: float32 ones and int64 ones."""
    size, points = card.model.input.size, card.crop.points_px(card.model.input.size)
    middle = points.mean(axis=0) if interface == "faces" else np.array([size / 2, size / 2])
    spread = points - points.mean(axis=0)
    floats: dict[str, Any] = {
        "template": spread,
        "template_turned": np.column_stack([spread[:, 1], -spread[:, 0]]),
        "middle_x": middle[:1],
        "middle_y": middle[1:],
        "side": [size],
        "side_scalar": np.float32(size),
        "finest": np.float32(MAX_SAMPLES),
        "white": [255],
        "luma": np.reshape(LUMA, (1, 3, 1, 1)),
        "input_mean": np.reshape(card.model.input.mean, (1, 3, 1, 1)),
        "deviation": np.reshape(card.model.input.std, (1, 3, 1, 1)),
        "temperature": [card.temperature],
        **{f"temperature_{other.name}": [other.temperature] for other in card.conventions},
        **{
            "zero": [0],
            "half": [0.5],
            "one": [1],
            "two": [2],
            "zero_scalar": np.float32(0),
            "one_scalar": np.float32(1),
        },
    }
    integers: dict[str, Any] = {
        "axis_1": [1],
        "axis_5": [5],
        "axes_0_1": [0, 1],
        "axes_0_2": [0, 2],
        "axes_1_2": [1, 2],
        "axes_1_3": [1, 3],
        "axes_2_4": [2, 4],
        "axes_3_5": [3, 5],
        "swapped": [1, 0],
        "one_one": [1, 1],
        "side_whole": [size],
        "any": [-1],
        "two_whole": [2],
        "three_whole": [3],
    }
    return floats, integers


def _nodes(text: str) -> list[Any]:
    """Parse lines of ONNX's text format into operators, in order."""
    import onnx

    lines = "\n".join(line.partition("#")[0] for line in text.splitlines())
    graph = onnx.parser.parse_graph("nodes () => () {" + lines + "}")
    return list(graph.node)
