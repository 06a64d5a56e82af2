"""Soak: does the memory of `fer predict` stay flat over 100,000 frames and 20,000 photos, and does the report open?

python tests/soak.py FOLDER frames 100000
python tests/soak.py FOLDER photos 20000

The first writes one clip of 160x120 pixels, the second pictures of 96 to 256 pixels, both of one face that moves. While
`fer predict` reads them, its resident memory and open descriptors are written to FOLDER/samples.csv once a second.
Linux only: the figures are those of /proc. Chromium or Chrome, if installed, opens the report.
"""

from __future__ import annotations

import csv
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

from fercli.media.video_writer import VideoWriter

ROOT = Path(__file__).parents[1]
FACE = (150, 20, 310, 180)  # of docs/images/astronaut.jpg
SIZE_WH = (160, 120)
FPS, PERIOD = 25, 2_000  # frames, a multiple of which is written


def write_clip(path: Path, frames: int) -> None:
    """Write a clip in which a face moves over a still ground and is gone for two of five seconds; it repeats."""
    face = _face(96)
    ground = np.full((SIZE_WH[1], SIZE_WH[0] + face.shape[1], 3), 90, np.uint8)
    path.parent.mkdir()
    part = path.with_name("part.mp4")
    with VideoWriter(part) as writer:
        for number in range(PERIOD):
            picture = ground.copy()
            if number % 125 < 75:
                left, top = number // 3 % 60, number // 7 % 20
                picture[top : top + face.shape[0], left : left + face.shape[1]] = face
            writer.write(picture[:, : SIZE_WH[0]], number / FPS)
    times = frames // PERIOD
    with av.open(str(part)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = round(PERIOD / FPS / stream.time_base)
        content = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        for number in range(times):
            for data, pts, dts, is_keyframe in content:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = copy, stream.time_base, is_keyframe
                packet.pts, packet.dts = pts + number * length, dts + number * length
                target.mux(packet)
    part.unlink()


def write_photos(folder: Path, count: int) -> None:
    """Write JPEG, PNG and BMP pictures of one face, no two alike in size and brightness."""
    draw = random.Random(24)
    folder.mkdir(parents=True)
    for number in range(count):
        picture = _face(draw.randint(96, 256)).astype(np.float32) * draw.uniform(0.6, 1.1)
        suffix = draw.choice(("jpg", "png", "bmp"))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number:05}.{suffix}")


def _face(size: int) -> np.ndarray:
    with Image.open(ROOT / "docs" / "images" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB").crop(FACE).resize((size, size)))


def watch(process: subprocess.Popen[bytes], path: Path) -> list[tuple[float, float, int]]:
    """Sample seconds, MiB and open descriptors once a second until the process ends; write them to `path`."""
    started, samples = time.monotonic(), []
    status, descriptors = Path(f"/proc/{process.pid}/status"), Path(f"/proc/{process.pid}/fd")
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["seconds", "rss_mib", "descriptors"])
        while process.poll() is None:
            try:
                fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
                rss_mib = int(fields["VmRSS"].split()[0]) / 1024
                sample = (time.monotonic() - started, rss_mib, sum(1 for _ in descriptors.iterdir()))
            except (KeyError, OSError):
                break  # it has just ended
            samples.append(sample)
            table.writerow([f"{sample[0]:.1f}", f"{sample[1]:.1f}", sample[2]])
            file.flush()
            time.sleep(1)
    process.wait()
    return samples


def summary(samples: list[tuple[float, float, int]]) -> str:
    """Compare the second tenth of the samples (after the libraries and the model) with the last tenth."""
    tenth = max(1, len(samples) // 10)
    parts = {"second tenth": samples[tenth : 2 * tenth], "last tenth": samples[-tenth:], "all": samples}
    lines = [f"{len(samples)} samples in {samples[-1][0]:.0f} s"]
    for name, part in parts.items():
        mib, descriptors = [sample[1] for sample in part], [sample[2] for sample in part]
        lines.append(
            f"{name}: memory {statistics.median(mib):.0f} MiB (median), {max(mib):.0f} MiB (highest); "
            f"descriptors {statistics.median(descriptors):.0f} (median), {max(descriptors)} (highest)"
        )
    return "\n".join(lines)


def open_page(page: Path) -> str:
    """Open the page in a headless browser; return its size, the time and the peak memory of the browser's processes."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    size = f"{page.name}: {page.stat().st_size / 1e6:.1f} MB"
    if browser is None:
        return f"{size}; no browser is installed"
    started = time.monotonic()
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.resolve().as_uri()],
        capture_output=True,
        timeout=300,
        check=True,
    )
    if b"</html>" not in done.stdout:
        raise SystemExit(f"{page} did not open: {done.stderr[-500:]!r}")
    return f"{size}; opened in {time.monotonic() - started:.1f} s, {done.stdout.count(b'<img')} pictures"


def main() -> None:
    """Write the inputs, predict them under watch, print the figures."""
    folder, kind, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    folder.mkdir(parents=True)
    if kind == "frames":
        write_clip(folder / "in" / "clip.mp4", count)
    else:
        write_photos(folder / "in", count)
    rows, page = folder / "rows.csv", folder / "report.html"
    outputs = ["--save", str(rows), "--report", str(page), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fercli", "predict", str(folder / "in"), *outputs], stdout=subprocess.DEVNULL
    )
    samples = watch(process, folder / "samples.csv")
    print(f"exit code {process.returncode}\n{summary(samples)}")  # noqa: T201
    with rows.open(encoding="utf-8", newline="") as file:
        print(f"{sum(1 for _ in csv.DictReader(file))} rows")  # noqa: T201
    print(open_page(page))  # noqa: T201


if __name__ == "__main__":
    main()
