"""Samples spread over time: in number, and where they lie."""

from __future__ import annotations

from itertools import pairwise

from fercli.predict.samples import Samples


def test_samples__are_at_most_so_many_and_spread_evenly():
    samples: Samples[int] = Samples(8)
    made = []
    for frame in range(100_000):
        samples.offer(frame / 25, lambda frame=frame: made.append(frame) or frame)
    kept = samples.at_most(8)
    assert 4 <= len(kept) <= 8
    times = [time_s for time_s, _ in kept]
    assert all(item == round(time_s * 25) for time_s, item in kept)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) == max(gaps) == samples.every_s  # 512 s: 4,000 s have 7.8 of them
    assert times[0] == 0.0
    assert len(made) < 100  # an item is made only for an empty slot


def test_samples__keep_faces_of_a_short_visit():
    samples: Samples[str] = Samples(24)
    for frame in range(10):
        samples.offer(100 + frame / 10, lambda frame=frame: str(frame))
    assert [item for _, item in samples.at_most(24)] == ["0", "3", "5", "8"]  # slots of 0.25 s
    assert [item for _, item in samples.at_most(2)] == ["0", "5"]
    assert samples.every_s == 0.5
