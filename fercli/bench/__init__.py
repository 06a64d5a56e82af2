"""Measurements that a user can repeat: each side in a process of its own, side by side in one run.

One file for each command of `fer bench`: `faces`, `models`, `train`, `video`, `start`. `isolated` runs a measurement in a fresh
process; `reference` is the baseline's implementation that `models` and `train` compare with.
"""
