"""Alignment of picture folders for `fer align`: every face detected, cropped and written, with a record of each picture.

Start reading at `align`. `paths` determines where pictures and crops are, `crop_names` names the crops, `face_choice` selects the
faces of a picture, `label_tables` copies labels, `resume` continues an interrupted run, and `contact_sheet` shows the crops.
"""
