"""Options are defined once, and checked when they are made."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from glove_spark.errors import ConfigurationError
from glove_spark.settings.config import SETTINGS, pipeline_config
from glove_spark.settings.documentation import as_markdown
from glove_spark.settings.option import Settings, above, at_least, between, one_of, option
from glove_spark.settings.toml import read_toml

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sample(Settings):
    """For these tests."""

    size: int = option(3, "a size", at_least(1))
    rate: float = option(0.5, "a rate", above(0))
    share: float = option(0.5, "a share", between(0, 1))
    kind: str = option("a", "a kind", one_of("a", "b"))
    limit: int | None = option(None, "a limit", at_least(2))
    names: tuple[str, ...] = option((), "names")
    on: bool = option(True, "a switch", changes_result=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "size=0 must be at least 1"),
        ({"size": 2.5}, "size=2.5 must be of type int"),
        ({"size": True}, "size=True must be of type int"),
        ({"rate": 0.0}, "rate=0.0 must be greater than 0"),
        ({"rate": float("nan")}, "rate=nan must be finite"),
        ({"share": 2.0}, "share=2.0 must be from 0 to 1"),
        ({"kind": "c"}, "kind='c' must be one of a, b"),
        ({"limit": 1}, "limit=1 must be at least 2"),
        ({"names": "word"}, "names='word' must be a list"),
        ({"names": [1]}, "names=1 must be of type str"),
        ({"sise": 1}, "'sise' is not an option of Sample; use one of: size, rate"),
    ],
)
def test_wrong_value_is_refused_with_its_rule(values, message):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        Sample.from_mapping(values)


def test_integer_is_taken_for_a_float():
    assert Sample(rate=2).rate == 2.0
    assert isinstance(Sample(rate=2).rate, float)


def test_result_settings_leave_out_what_changes_no_bytes():
    assert "on" in Sample().as_dict()
    assert "on" not in Sample().as_dict(only_result=True)


@pytest.mark.parametrize("table", SETTINGS)
def test_every_option_has_help_and_a_default_that_its_rule_accepts(table):
    for spec in SETTINGS[table].specs():
        assert spec.help
        if spec.name not in ("input", "output"):
            assert spec.check(spec.default) == spec.default


def test_option_names_are_unique_over_all_tables():
    names = [spec.name for settings in SETTINGS.values() for spec in settings.specs()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[cooccurrence]\nwindow = 5\n", r"'window' in \[cooccurrence\] of .* is not an option"),
        ("[windows]\nwindow_size = 5\n", "'windows' in .* is not a table of options"),
        ("window_size = 5\n", "'window_size' in .* is not a table of options"),
        ("[cooccurrence]\nwindow_size = 0\n", "window_size=0 must be from 1 to 1000"),
        ("[cooccurrence\n", "is not valid TOML"),
    ],
)
def test_wrong_toml_is_refused_by_name(tmp_path, content, message):
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        read_toml(file)


def test_missing_toml_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_toml(tmp_path / "none.toml")


def test_required_option_is_named_with_its_flag():
    message = "output is required but not given; add --output DIR"
    with pytest.raises(ConfigurationError, match=message):
        pipeline_config({"tokenize": {"input": ["x"]}})


def test_the_table_of_options_is_current():
    written = (PROJECT / "docs" / "OPTIONS.md").read_text("utf-8")
    assert written == as_markdown(), "run `make docs`"


def test_presets_are_valid():
    presets = sorted((PROJECT / "conf").glob("*.toml"))
    assert presets
    for preset in presets:
        read_toml(preset)
