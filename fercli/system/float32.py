"""Float32 in torch on NVIDIA GPUs: exact, or rounded to TF32 (10 bits of mantissa) in convolutions and matrix products.

Everything that scores or predicts is exact. Training may use TF32 (`tf32` of the recipe). CPUs have no TF32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def float32_products(*, tf32: bool) -> Iterator[None]:
    """Inside the context, whether torch rounds the factors of float32 convolutions and matrix products to TF32.

    As a decorator it applies to every call.
    """
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


exact_float32 = float32_products(tf32=False)
