"""Measurements that a user can repeat: each side in a process of its own, side by side in one run."""
