"""Network configurations: computed sizes, and what no network can have."""

from dataclasses import replace

import pytest

from fercli.config.model import AblateConfig, BtConfig, BtnConfig, VitConfig
from fercli.config.presets import MODELS
from fercli.config.settings import override
from fercli.errors import UsageError


@pytest.mark.parametrize(
    ("name", "sides", "landmark_size"),
    [
        ("btn-base", (28, 14, 7), 112),  # POSTER++: 112 px, levels of 28, 14 and 7
        ("btn-compact", (12, 6, 3), 48),  # 96 px, first level an eighth of the side
        ("btn-tiny", (12, 6, 3), 48),  # 48 px, first level a quarter of the side
    ],
)
def test_level_sides__follow_from_the_input(name: str, sides: tuple[int, ...], landmark_size: int):
    config = MODELS[name]
    assert (config.level_sides, config.landmark_size) == (sides, landmark_size)


@pytest.mark.parametrize("setting", ["backbone_size=50", "vit.heads=7", "cross.heads=3,2,4", "mla.drop_path=0.1,1.5"])
def test_config__of_an_impossible_network_is_refused(setting: str):
    with pytest.raises(UsageError):
        override(MODELS["btn-tiny"], [setting])


def test_config__names_every_fault_at_once():
    with pytest.raises(
        ValueError, match=r"backbone_size must be a multiple of 16 .*; vit\.heads: 5 heads do not divide 768"
    ):
        BtnConfig(backbone_size=50, vit=VitConfig(heads=5))


@pytest.mark.parametrize(
    ("changes", "reads", "maps"),
    [
        ({}, True, 3),
        ({"bt": BtConfig(source="s3")}, False, 3),
        ({"ablate": AblateConfig(mla_only="vit_replace")}, False, 3),
        ({"ablate": AblateConfig(mla_only="vit_concat")}, False, 4),
    ],
)
def test_ablations__decide_what_reads_f_mla(changes: dict[str, object], reads: bool, maps: int):
    config = replace(MODELS["btn-tiny"], **changes)
    assert (config.batch_reads_mla, config.token_maps) == (reads, maps)
