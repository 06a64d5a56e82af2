"""Face detection, tracking and cropping.

Start reading at `search`, which finds the faces of pictures and video frames. `detector` opens a face detector by name: `mtcnn`
(with `mtcnn_cascade` and `area_sums`) or `yunet` (with `yunet_network`); both use `boxes`. `optical_flow` moves faces between
frames, `tracks` numbers people, with `appearance`. `crop` cuts aligned crops by the transforms of `geometry`; `landmarks` reduces
68 points to five, `position` estimates the crop template of existing crops, and `main_face` chooses one face of a picture.
"""
