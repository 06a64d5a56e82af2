"""Tables of predictions: one row per face, or per picture or frame without a face, as CSV, Parquet and JSON lines.

`records` converts predictions to rows and back. `table` is the interface of the formats, `formats` finds one by suffix; there is
one file for each format.
"""
