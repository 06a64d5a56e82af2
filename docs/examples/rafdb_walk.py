"""The researcher's path on made-up pictures in RAF-DB's layout: from `fer data check rafdb` to `fer report table4`.

    python docs/examples/rafdb_walk.py DIR

`fer data check` ends with exit code 3, as the counts are not the published ones. The walk takes half a minute of CPU time and shows
every command that a reproduction needs. The pictures are noise and the network is the smallest, so the scores mean nothing; with
the real data set, leave out the options in SMALL and give --init-from instead.
"""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
from pathlib import Path

from PIL import Image

SMALL = "--model btn-tiny --from-scratch --device cpu --set epochs=1 --set batch_size=14 --set sam.rho=0 --set test_best=false"
STEPS = (
    "data check rafdb {root}",
    "train rafdb --data {root} --seeds 2 --out runs/rafdb " + SMALL,
    "eval runs/rafdb/seed-0 rafdb --data {root} --out runs/eval",
    "compare runs/rafdb/seed-0 runs/rafdb/seed-1",
    "report table1 --run runs/rafdb",
    "report table4 --run runs/rafdb",
    'ablate components rafdb --data {root} --rows "MLA + BT" --seeds 1 --out runs/ablate ' + SMALL,
    "report table5 --run runs/ablate --out runs/table5",
)
# `fer data check` must refuse (3): the made-up data set has 28 images where 12,271 and 3,068 are published
EXPECTED = {"data check": 3}


def make_rafdb(root: Path, *, each: int = 4) -> None:
    """Write EmoLabel/list_patition_label.txt and Image/aligned with `each` pictures per class and split."""
    numbers, lines = random.Random(0), []
    for split, digits in (("train", 5), ("test", 4)):
        for number in range(7 * each):
            stem, code = f"{split}_{number + 1:0{digits}d}", number % 7 + 1
            lines.append(f"{stem}.jpg {code}")
            path = root / "basic" / "Image" / "aligned" / f"{stem}_aligned.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = bytes(min(255, 30 * code + numbers.randrange(40)) for _ in range(100 * 100 * 3))
            Image.frombytes("RGB", (100, 100), pixels).save(path)
    labels = root / "basic" / "EmoLabel"
    labels.mkdir(parents=True, exist_ok=True)
    (labels / "list_patition_label.txt").write_text("\n".join(lines) + "\n")


def main() -> int:
    """Run every step in DIR; stop at the first whose exit code is not the expected one."""
    folder = Path(sys.argv[1])
    make_rafdb(folder / "rafdb")
    for step in STEPS:
        line = step.format(root="rafdb")
        print(f"\n$ fer {line}", flush=True)
        done = subprocess.run([sys.executable, "-m", "fercli", *shlex.split(line)], cwd=folder, check=False)
        expected = EXPECTED.get(" ".join(line.split()[:2]), 0)
        if done.returncode != expected:
            print(f"fer {line}: exit code {done.returncode} instead of {expected}", file=sys.stderr)
            return done.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
