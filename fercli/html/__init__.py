"""HTML pages that need no other file: reports, contact sheets and comparisons share their layout.

`pages` renders Jinja templates, `parts` holds the values that their macros show, `colours` the colours of expressions and tracks,
and `thumbnail` makes small JPEGs.
"""
