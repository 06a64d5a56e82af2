"""Weights of other projects in, our names out: one file per source."""
