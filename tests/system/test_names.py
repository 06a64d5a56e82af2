from pathlib import Path, PurePosixPath

import pytest

from fercli.system.files import free_name
from fercli.system.names import clash_key, portable_name, portable_path


# what Windows documents as reserved: < > : " / \ | ? *, control characters, device names with any ending, final dots and spaces
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("interview 1 (Zoë).mp4", "interview 1 (Zoë).mp4"),
        ("12:30 what?.mp4", "12_30 what_.mp4"),
        ('a<b>c"d|e*f\\g\r.jpg', "a_b_c_d_e_f_g_.jpg"),
        ("con.jpg", "con_.jpg"),
        ("NUL", "NUL_"),
        ("com1.tar.gz", "com1_.tar.gz"),
        ("console.jpg", "console.jpg"),
        ("icon.jpg", "icon.jpg"),
        ("take 2. ", "take 2__"),
        (".hidden", ".hidden"),
    ],
)
def test_portable_name__is_accepted_by_windows(name: str, expected: str):
    assert portable_name(name) == expected
    assert portable_name(expected) == expected


def test_portable_path__changes_folders_too():
    assert portable_path(PurePosixPath("aux/day:1/a.jpg")) == PurePosixPath("aux_/day_1/a.jpg")


def test_clash_key__is_equal_where_a_system_knows_one_file():
    assert clash_key(Path("IMG.JPG")) == clash_key(Path("img.jpg"))
    assert clash_key(Path("Zoe\u0308.jpg")) == clash_key(
        Path("Zo\u00eb.jpg")
    )  # e and its accent as two characters, or one
    assert clash_key(Path("a.jpg")) != clash_key(Path("b.jpg"))


def test_free_name__differs_by_more_than_case():
    assert free_name(Path("out/a.jpg"), {clash_key(Path("out/A.JPG"))}) == Path("out/a-2.jpg")
