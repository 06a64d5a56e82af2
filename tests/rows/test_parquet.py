"""Tables as Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet

from fercli.rows.parquet import open_parquet


def test_parquet__has_types_settings_and_groups_of_rows(labels, classified, without_face, tmp_path: Path):
    path = tmp_path / "a.parquet"
    with open_parquet(path, labels, {"minimum face size": "20 px"}, group_rows=2) as table:
        for _ in range(5):
            table.add([classified])
        table.add([without_face])
    with pyarrow.parquet.ParquetFile(path) as file:
        assert file.metadata.num_row_groups == 3
        assert json.loads(file.schema_arrow.metadata[b"fer"])["minimum face size"] == "20 px"
        rows = file.read().to_pylist()
    assert [row["frame"] for row in rows] == [3, 3, 3, 3, 3, 4]
    assert (rows[0]["detected"], rows[0]["p_happiness"], rows[0]["time_s"]) == (False, 0.55, 0.1201)
    assert rows[-1]["p_happiness"] is None
    assert rows[0]["detection_score"] == 0.9877
