"""Checkpoints of other projects: converted to the tensors of BTN.

Start reading at `convert`. Each `format` has one file (`face_resnet`, `ir50`, `mobilefacenet`, `poster_v2`), and `formats` lists
them. `pickled` reads torch checkpoints without running their code; `conversion` renames tensors.
"""
