"""Average the weights of several states of `train.py` that started from the same one (Wortsman et al., 2022).

python weights/default/mean.py e1/look1.pt e2/look1.pt b/look1.pt --out mean.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from fercli.weights.average import mean_state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("states", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.save(mean_state([torch.load(path) for path in options.states]), options.out)


if __name__ == "__main__":
    main()
