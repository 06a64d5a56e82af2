"""The rows of Tables 5 to 8: the settings that make them, and what is refused."""

from __future__ import annotations

import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.settings import override
from fercli.errors import UsageError
from fercli.train.ablation.studies import only, parse_seeds, parse_values, study
from fercli.weights.run_folder import RunConfig

TOLD = RunConfig(dataset="rafdb", data=None, model=MODELS["btn-base"], train=RECIPES["rafdb"], init=())


def told(name: str, row: str, **options) -> RunConfig:
    [settings] = [r.settings for r in study(name, **options).rows if r.name == row]
    return override(TOLD, list(settings), groups=("model", "train"))


def test_components__are_the_four_rows_of_table_5():
    assert [row.name for row in study("components").rows] == ["baseline", "MLA", "BT", "MLA + BT"]
    baseline, mla, bt = (told("components", row) for row in ("baseline", "MLA", "BT"))
    assert (baseline.train.loss.bt, baseline.train.loss.cba, baseline.model) == (0, 0, TOLD.model)
    assert (mla.train.loss.bt, mla.model.ablate.mla_only) == (0, "vit_replace")
    assert (bt.train, bt.model.bt.source) == (TOLD.train, "s3")
    assert told("components", "MLA + BT") == TOLD
    assert told("components", "MLA", mla_only="aux_head").model.ablate.mla_only == "aux_head"


def test_only__keeps_the_rows_that_are_named_in_the_studys_order_and_the_baseline():
    whole = study("components")
    assert [row.name for row in only(whole, ["mla+bt"]).rows] == ["baseline", "MLA + BT"]
    assert (only(whole, ["mla+bt", ""]).stem, whole.stem) == ("components-mla-bt", "components")
    assert only(whole, ["mla", "bt"]).left_out == ("MLA + BT",)
    assert only(whole, [row.name for row in whole.rows]) == whole
    assert only(whole, [" MLA + BT", "Baseline", "bt"]).rows == (whole.rows[0], whole.rows[2], whole.rows[3])
    assert [note[:12] for note in only(whole, ["BT"]).notes] == ["The baseline", "BT alone tak"]  # none of other rows
    with pytest.raises(UsageError, match=r"no row 'CBA'") as refused:
        only(whole, ["BT", "CBA"])
    assert refused.value.fix == "rows: baseline, MLA, BT, MLA + BT"
    with pytest.raises(UsageError, match="nothing to compare with baseline"):
        only(whole, ["baseline"])


def test_losses__are_the_four_rows_of_table_8():
    weights = [
        (t.loss.vit, t.loss.bt, t.loss.cba) for t in (told("losses", r.name).train for r in study("losses").rows)
    ]
    assert weights == [(2, 0, 0), (2, 1, 0), (2, 0, 1), (2, 1, 1)]


def test_lambda__goes_from_1_to_3_in_quarters_and_is_compared_with_2():
    table = study("lambda")
    assert [row.name for row in table.rows] == ["1", "1.25", "1.5", "1.75", "2", "2.25", "2.5", "2.75", "3"]
    assert table.baseline == "2"
    assert told("lambda", "2.5").train.loss.vit == 2.5
    with pytest.raises(UsageError, match="must hold 2"):
        study("lambda", values=[1, 3])


@pytest.mark.parametrize(("rule", "rate"), [("fixed", 2e-5), ("sqrt", 4e-5), ("linear", 8e-5)])
def test_batch_size__learning_rate_follows_the_rule(rule: str, rate: float):
    train = told("batch-size", "256", rate_rule=rule).train
    assert train.batch_size == 256
    assert train.lr == pytest.approx(rate)


def test_study__published_numbers_are_those_of_the_paper():
    # the paper's main results (Tables 1 to 3), its baseline, and what it says about its rows MLA and L_VIT
    found = {
        (t, r.name): r.published for t in ("components", "losses", "batch-size") for r in study(t).rows if r.published
    }
    assert found["components", "MLA"] == {"rafdb": 90.97}
    assert found["components", "baseline"] == {"rafdb": 92.21}
    assert found["losses", "VIT"] == {"rafdb": 92.14}
    assert found["batch-size", "144"] == {"affectnet7": 67.60, "affectnet8": 64.29}
    assert found["components", "MLA + BT"]["rafdb"] == pytest.approx(100 * 2839 / 3068, abs=0.005)


@pytest.mark.parametrize(
    ("values", "options"),
    [("components", {"values": [1.0]}), ("batch-size", {"values": [16.5, 64]}), ("batch-size", {"values": [16]})],
)
def test_study__values_that_do_not_fit_are_refused(values: str, options: dict):
    with pytest.raises(UsageError):
        study(values, **options)


def test_parse__ranges_lists_and_seeds():
    assert parse_values("1:3:0.5") == (1, 1.5, 2, 2.5, 3)
    assert parse_values("0:0.3:0.1") == pytest.approx((0, 0.1, 0.2, 0.3))
    assert parse_values("16,32") == (16, 32)
    assert parse_seeds("3") == (0, 1, 2)


@pytest.mark.parametrize("text", ["1:2", "a,b", "3:1:1", "1:2:0"])
def test_parse_values__refuses_what_is_no_range(text: str):
    with pytest.raises(UsageError):
        parse_values(text)


@pytest.mark.parametrize("text", ["0", "a", "1,1", "-1,2", "3,"])
def test_parse_seeds__refuses_what_is_no_list_of_seeds(text: str):
    with pytest.raises(UsageError):
        parse_seeds(text)
