import pickle

import pytest

from fercli.errors import DataError, DeviceError, ExitCode, FerError, RefusedError, UsageError, WeightsError


@pytest.mark.parametrize(
    ("kind", "code"), [(RefusedError, 1), (UsageError, 2), (DataError, 3), (WeightsError, 4), (DeviceError, 5)]
)
def test_error__ends_in_its_documented_exit_code(kind: type[FerError], code: int):
    assert kind("what", fix="how").exit_code == code


def test_exit_codes__are_the_published_ones():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "DATA": 3,
        "WEIGHTS": 4,
        "DEVICE": 5,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("kind", [FerError, RefusedError, UsageError, DataError, WeightsError, DeviceError])
@pytest.mark.parametrize("fix", [None, "fer doctor"])
def test_error__survives_pickling_as_a_data_loading_worker_needs(kind: type[FerError], fix: str | None):
    error = pickle.loads(pickle.dumps(kind("faces/a.png is broken", fix=fix)))
    assert type(error) is kind
    assert str(error) == error.message == "faces/a.png is broken"
    assert error.fix == fix
