"""Reading and writing of pictures, videos, cameras and streams: RGB uint8 [H, W, 3] on both sides.

Start reading at `feed`, which reads the `sources` that a user names. `images` reads and writes pictures, `video` reads videos
(`tracks` opens the streams of a file, `seek` skips to a key frame, `selection` chooses frames), `latest_frames` follows live
streams, `camera` reads cameras. `display` makes frames upright with square pixels, `complete` checks whether the end of a file
is missing, `animation` reads animated pictures, `pixel_values` converts pictures of more than 8 bits. `video_writer` writes
videos with `sound`, and `joined_times` keeps its timestamps continuous. `addresses` checks network addresses, `web` downloads a
file.
"""
