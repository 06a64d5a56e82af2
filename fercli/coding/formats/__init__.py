"""File formats of behaviour coding: one file per format, which writes or reads `annotations`."""
