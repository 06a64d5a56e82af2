"""HTML reports of predictions, without any other file.

`page` writes one page about pictures and videos, `folder` one per video with an index. `pictures` and `video` are the parts of a
page, `chart` the timeline of a person, and `about` describes weights and settings.
"""
