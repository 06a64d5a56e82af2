from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from fercli.system.files import free_name
from fercli.system.names import clash_key, is_too_long, matches_source, portable_name, portable_path


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
        ("con .jpg", "con_ .jpg"),
        ("Lpt9 .x.csv", "Lpt9_ .x.csv"),
        ("console.jpg", "console.jpg"),
        ("icon.jpg", "icon.jpg"),
        ("take 2. ", "take 2__"),
        (".hidden", ".hidden"),
    ],
)
def test_portable_name__is_accepted_by_windows(name: str, expected: str):
    assert portable_name(name) == expected
    assert portable_name(expected) == expected


@pytest.mark.parametrize(
    "stem", ["con", "PRN", "aux", "nul", "COM1", "com9", "lpt1", "conin$", "CONOUT$", "com²", "icon", "com", "lpt12"]
)
@pytest.mark.parametrize("ending", ["", ".jpg", " .jpg", ".tar.gz"])
@pytest.mark.filterwarnings("ignore:.*is_reserved:DeprecationWarning")
def test_portable_name__is_no_device_for_python_on_windows(stem: str, ending: str):
    reserved = PureWindowsPath(stem + ending).is_reserved()
    assert not PureWindowsPath(portable_name(stem + ending)).is_reserved()
    assert (portable_name(stem + ending) != stem + ending) == reserved


def test_portable_path__changes_folders_too():
    assert portable_path(PurePosixPath("aux/day:1/a.jpg")) == PurePosixPath("aux_/day_1/a.jpg")


def test_clash_key__is_equal_where_a_system_knows_one_file():
    assert clash_key(Path("IMG.JPG")) == clash_key(Path("img.jpg"))
    assert clash_key(Path("Zoe\u0308.jpg")) == clash_key(
        Path("Zo\u00eb.jpg")
    )  # e and its accent as two characters, or one
    assert clash_key(Path("a.jpg")) != clash_key(Path("b.jpg"))


@pytest.mark.parametrize(("length", "too_long"), [(259, False), (260, True)])  # MAX_PATH is 260 with the final null
def test_path__is_too_long_for_windows_without_long_paths(length: int, too_long: bool, monkeypatch: pytest.MonkeyPatch):
    path = Path("/" + "folder/" * 30 + "x" * (length - 211))
    assert len(str(path)) == length
    assert not is_too_long(path), "Linux and macOS have no such limit"
    monkeypatch.setattr("fercli.system.names._ON_WINDOWS", True)
    assert is_too_long(path) == too_long


def test_free_name__differs_by_more_than_case():
    assert free_name(Path("out/a.jpg"), {clash_key(Path("out/A.JPG"))}) == Path("out/a-2.jpg")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, True),
        ("talks/day[1].mp4", True),  # a name, although [1] is also a pattern
        ("day*.mp4", True),
        ("*/day*", True),
        ("*", True),
        ("ay[1].mp4", False),
        ("other/*.mp4", False),
    ],
)
def test_matches_source__by_name_or_pattern_also_of_its_end(pattern: str | None, expected: bool):
    assert matches_source("talks/day[1].mp4", pattern) is expected
