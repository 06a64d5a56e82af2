"""Behaviour coding: what people show in videos, computed from tables of predictions."""
