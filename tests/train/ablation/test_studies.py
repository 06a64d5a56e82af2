"""The rows of Tables 5 to 8: the settings that make them, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.config.presets import MODELS, RECIPES, with_recipe
from fercli.config.settings import override
from fercli.errors import UsageError
from fercli.train.ablation.studies import build_study, select_rows
from fercli.weights.run_folder import RunConfig

CONFIG = RunConfig(dataset="rafdb", data=None, model=MODELS["btn-base"], train=RECIPES["rafdb"], init=())


def config_of(name: str, row: str, **options) -> RunConfig:
    [settings] = [r.settings for r in build_study(name, **options).rows if r.name == row]
    return override(CONFIG, list(settings), groups=("model", "train"))


def test_components__are_the_four_rows_of_table_5():
    assert [row.name for row in build_study("components").rows] == ["baseline", "MLA", "BT", "MLA + BT"]
    baseline, mla, bt = (config_of("components", row) for row in ("baseline", "MLA", "BT"))
    assert (baseline.train.loss.bt, baseline.train.loss.cba, baseline.model) == (0, 0, CONFIG.model)
    assert (mla.train.loss.bt, mla.model.ablate.mla_only) == (0, "vit_replace")
    assert (bt.train, bt.model.bt.source) == (CONFIG.train, "s3")
    assert config_of("components", "MLA + BT") == CONFIG
    assert config_of("components", "MLA", mla_only="aux_head").model.ablate.mla_only == "aux_head"


def test_select_rows__keeps_the_rows_that_are_named_in_the_studys_order_and_the_baseline():
    whole = build_study("components")
    assert [row.name for row in select_rows(whole, ["mla+bt"]).rows] == ["baseline", "MLA + BT"]
    assert (select_rows(whole, ["mla+bt", ""]).file_stem, whole.file_stem) == ("components-mla-bt", "components")
    assert select_rows(whole, ["mla", "bt"]).omitted == ("MLA + BT",)
    assert select_rows(whole, [row.name for row in whole.rows]) == whole
    assert select_rows(whole, [" MLA + BT", "Baseline", "bt"]).rows == (whole.rows[0], whole.rows[2], whole.rows[3])
    assert [note[:12] for note in select_rows(whole, ["BT"]).all_notes] == [
        "The baseline",
        "BT alone tak",
    ]  # none of other rows
    with pytest.raises(UsageError, match=r"no row 'CBA'") as refused:
        select_rows(whole, ["BT", "CBA"])
    assert refused.value.fix == "rows: baseline, MLA, BT, MLA + BT"
    with pytest.raises(UsageError, match="no row to compare with baseline"):
        select_rows(whole, ["baseline"])


def test_losses__are_the_four_rows_of_table_8():
    weights = [
        (t.loss.vit, t.loss.bt, t.loss.cba)
        for t in (config_of("losses", r.name).train for r in build_study("losses").rows)
    ]
    assert weights == [(2, 0, 0), (2, 1, 0), (2, 0, 1), (2, 1, 1)]


def test_lambda__is_1_to_3_in_quarters_compared_with_2():
    table = build_study("lambda")
    assert [row.name for row in table.rows] == ["1", "1.25", "1.5", "1.75", "2", "2.25", "2.5", "2.75", "3"]
    assert table.baseline == "2"
    assert config_of("lambda", "2.5").train.loss.vit == 2.5
    with pytest.raises(UsageError, match="must include 2"):
        build_study("lambda", values=[1, 3])


@pytest.mark.parametrize(("rule", "rate"), [("fixed", 2e-5), ("sqrt", 4e-5), ("linear", 8e-5)])
def test_batch_size__learning_rate_follows_the_rule(rule: str, rate: float):
    train = config_of("batch-size", "256", lr_rule=rule).train
    assert train.batch_size == 256
    assert train.lr == pytest.approx(rate)


def test_study__published_numbers_are_those_of_the_paper():
    # Tables 5, 7 and 8 of the paper
    published = {
        (t, r.name): r.published
        for t in ("components", "losses", "batch-size")
        for r in build_study(t).rows
        if r.published
    }
    assert published["components", "MLA"] == {"rafdb": 90.97}
    assert published["components", "baseline"] == {"rafdb": 92.21}
    assert published["losses", "VIT"] == {"rafdb": 92.14}
    assert published["batch-size", "144"] == {"rafdb": 92.43, "affectnet7": 67.60, "affectnet8": 64.29}
    assert published["components", "MLA + BT"]["rafdb"] == pytest.approx(100 * 2839 / 3068, abs=0.005)


@pytest.mark.parametrize(
    ("values", "options"),
    [("components", {"values": [1.0]}), ("batch-size", {"values": [16.5, 64]}), ("batch-size", {"values": [16]})],
)
def test_study__values_that_do_not_fit_are_refused(values: str, options: dict):
    with pytest.raises(UsageError):
        build_study(values, **options)


def test_attention__rows_state_everything_they_differ_in_whatever_the_recipe():
    plus = RunConfig("ferplus", None, with_recipe(MODELS["btn-compact"], "btn-plus"), RECIPES["btn-plus"], ())
    plain = RunConfig("ferplus", None, MODELS["btn-compact"], RECIPES["compact"], ())
    found = {}
    for row in build_study("attention").rows:
        configs = [override(config, list(row.settings), groups=("model", "train")) for config in (plain, plus)]
        assert configs[0].model == configs[1].model
        assert replace(configs[0].train, recipe="btn-plus") == configs[1].train
        found[row.name] = configs[0]
    assert not found["baseline"].train.loss.uses_batch_transformer
    assert (found["paper"].model, found["paper"].train) == (plain.model, plain.train)
    assert (found["+ refine"].model.cba, found["+ refine"].train.loss) == (plus.model.cba, plus.train.loss)
    assert found["detached"].model.batch.detach
    own = found["own teacher"].train.loss
    sources = {name: found[name].train.loss.refine_from for name in ("+ refine", "EMA teacher", "permuted")}
    assert sources == {"+ refine": "cba", "EMA teacher": "ema", "permuted": "permuted"}
    assert replace(own, refine_from="cba") == found["+ refine"].train.loss
    with pytest.raises(UsageError, match="has no values"):
        build_study("attention", values=[1.0])
