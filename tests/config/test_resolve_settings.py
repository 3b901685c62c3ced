"""Settings from base.yaml, an environment's file and --set."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from toplists.config.layers import SettingLine, describe_settings, resolve_settings
from toplists.config.model import ModelName
from toplists.errors import ConfigurationError


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "base.yaml").write_text("model:\n  name: als\n  als:\n    rank: 48\n    alpha: 10\n")
    (folder / "local.yaml").write_text("# nothing yet\n")
    (folder / "prod.yaml").write_text("model:\n  als:\n    rank: 96\n")
    return folder


def write_local(conf: Path, text: str) -> None:
    (conf / "local.yaml").write_text(text)


def message(conf: Path, *overrides: str, env: str = "local") -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolve_settings(conf, env, overrides)
    return str(caught.value)


# --- which layer counts ---------------------------------------------------------------------------


def test_later_layers_win_and_every_value_knows_its_place(conf: Path) -> None:
    resolved = resolve_settings(conf, "prod", ["model.als.alpha=2.5"])
    assert resolved.settings.model.als.rank == 96
    assert resolved.settings.model.als.alpha == 2.5
    assert resolved.origins["model.name"] == "conf/base.yaml:2"
    assert resolved.origins["model.als.rank"] == "conf/prod.yaml:3"
    assert resolved.origins["model.als.alpha"] == "--set"
    assert resolved.origins["gate.min_users"] == "default"


def test_of_two_arguments_for_one_setting_the_last_counts(conf: Path) -> None:
    resolved = resolve_settings(conf, "local", ["recommend.n=5", "recommend.n=7"])
    assert resolved.settings.recommend.n == 7


@pytest.mark.parametrize(
    "text",
    [
        "",  # empty file
        "model:\n",  # a group whose settings are all commented out
        "model:\n  als:\n    # rank: 3\n",
    ],
)
def test_a_layer_may_say_nothing(conf: Path, text: str) -> None:
    write_local(conf, text)
    assert resolve_settings(conf, "local").settings.model.als.rank == 48


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "read", "expected"),
    [
        ("model.als.regularization=1e-3", lambda s: s.model.als.regularization, 0.001),
        ("model.als.alpha=40", lambda s: s.model.als.alpha, 40.0),  # a whole number for a fraction
        ("recommend.active_days=null", lambda s: s.recommend.active_days, None),
        ("ingest.delimiter=,", lambda s: s.ingest.delimiter, ","),  # characters with a meaning
        ("ingest.delimiter=|", lambda s: s.ingest.delimiter, "|"),  # in YAML
        ("ingest.delimiter=\t", lambda s: s.ingest.delimiter, "\t"),
        ('ingest.delimiter="::"', lambda s: s.ingest.delimiter, "::"),
        ("lake.root=/a=b/c", lambda s: s.lake.root, "/a=b/c"),  # only the first = divides
        ('ingest.columns.user="1"', lambda s: s.ingest.columns.user, "1"),
    ],
)
def test_set_reads_values_as_yaml_does(conf: Path, argument: str, read, expected) -> None:
    value = read(resolve_settings(conf, "local", [argument]).settings)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "argument",
    [
        "model.als.rank=0",  # below its range
        "model.als.rank=1025",  # above
        "model.als.rank=2.5",  # not whole
        'model.als.rank="64"',  # text
        "model.als.rank=true",
        "model.als.rank=null",
        "model.als.rank=[3]",
        "model.als.rank=",  # nothing is null
    ],
)
def test_a_value_out_of_range_names_key_value_origin_and_range(conf: Path, argument: str) -> None:
    text = message(conf, argument)
    assert text.startswith("--set: model.als.rank = ")
    assert text.endswith("allowed: whole number, at least 1, at most 1024.")


@pytest.mark.parametrize("value", [".inf", ".nan", "-1"])
def test_a_number_is_finite_and_in_its_range(conf: Path, value: str) -> None:
    assert "model.als.alpha = " in message(conf, f"model.als.alpha={value}")


def test_lists_mappings_and_days_are_settings_too(conf: Path) -> None:
    write_local(
        conf,
        "prepare:\n  event_weights: {view: 1, purchase: 5.5}\n  stop_items:\n  - a\n  - 'b,c'\n"
        "  window:\n    since: 2024-01-01\n",
    )
    prepare = resolve_settings(conf, "local", ["prepare.window.until=2024-02-01"]).settings.prepare
    assert prepare.event_weights == {"view": 1.0, "purchase": 5.5}
    assert prepare.stop_items == ("a", "b,c")
    assert (prepare.window.since, prepare.window.until) == (date(2024, 1, 1), date(2024, 2, 1))
    by_argument = resolve_settings(conf, "local", ["prepare.event_weights={view: 2}"])
    assert by_argument.settings.prepare.event_weights == {"view": 2.0}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("prepare.event_weights={view: -1}", "--set: prepare.event_weights = "),
        ("prepare.event_weights={view: dear}", "mapping of text to (number, at least 0"),
        ("prepare.stop_items=[1]", "--set: prepare.stop_items = [1] is not possible"),
        ("prepare.window.since=soon", "allowed: day as YYYY-MM-DD, or null"),
        ("recommend.fallback=[luck, popularity]", "segment | trending | window | popularity"),
        # Rules about several settings.
        ("prepare.event_weights={return: 1}", "cancels its purchase"),
        ("recommend.fallback=[window]", "popularity last"),
        ("recommend.fallback=[popularity, popularity]", "each ranking once"),
        ("recommend.fallback=[segment, popularity]", "segment_by names an attribute"),
        ("recommend.segment_by=country", "fallback names segment if, and only if"),
    ],
)
def test_what_is_wrong_in_a_list_or_mapping_is_said(conf: Path, argument: str, said: str) -> None:
    assert said in message(conf, argument)


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("ndgc@10", "there is no metric 'ndgc'. Did you mean ndcg?"),
        ("ndcg@0", "ndcg@0 looks at 0 places: choose 1 to 1,000."),
        (
            "ndcg@-5",
            "'ndcg@-5' has no whole number behind an @: write such as ndcg@10.",
        ),
    ],
)
def test_a_metric_that_there_is_not_is_said_once_and_what_to_write(
    conf: Path, metric: str, why: str
) -> None:
    assert message(conf, f"evaluate.metrics=[{metric}]") == (
        f'--set: evaluate.metrics = ["{metric}"] is not possible: {why}'
    )
    rule = f"gate.rules=[{{rule: floor, metric: {metric}, limit: 0.1}}]"
    assert message(conf, rule).endswith(f", is not possible: metric: {why}")


def test_what_decides_is_measured(conf: Path) -> None:
    said = message(conf, "gate.rules=[{rule: floor, metric: mrr@10, limit: 0.1}]")
    assert said.startswith(
        "settings: rule 1 of gate.rules (floor) judges by mrr@10, which is not measured: "
    )


def test_a_window_has_a_day_in_it(conf: Path) -> None:
    day = "2024-01-01"
    text = message(conf, f"prepare.window.since={day}", f"prepare.window.until={day}")
    assert "since 2024-01-01 must be before until 2024-01-01" in text


@pytest.mark.parametrize("weighed", ["event_weights={view: 1}", "half_life_days=30"])
def test_mllib_weighs_no_ratings(conf: Path, weighed: str) -> None:
    explicit = ["model.name=als", "model.als.feedback=explicit", f"prepare.{weighed}"]
    assert resolve_settings(conf, "local", explicit)
    text = message(conf, *explicit, "model.als.engine=mllib")
    assert f"leave out prepare.{weighed.partition('=')[0]}" in text


@pytest.mark.parametrize("fitted", ["model.name=item_knn", "model.als.feedback=explicit"])
def test_similar_items_by_factors_need_factors(conf: Path, fitted: str) -> None:
    factors = ("model.name=als", "recommend.similar=factors")
    assert resolve_settings(conf, "local", factors)
    assert "needs model.name als" in message(conf, *factors, fitted)


def test_a_value_of_a_closed_choice_lists_the_choices(conf: Path) -> None:
    write_local(conf, "\nmodel:\n  name: deep\n")
    assert message(conf) == (
        'conf/local.yaml:3: model.name = "deep" is not possible; '
        f"allowed: {' | '.join(get_args(ModelName))}."
    )


def test_every_wrong_value_is_named_at_once(conf: Path) -> None:
    text = message(conf, "model.als.rank=0", "gate.confidence=1")
    assert "model.als.rank = 0" in text
    assert "gate.confidence = 1 is not possible; allowed: number, at least 0.5, below 1." in text


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("model.als.rnak", "model.als.rank"),  # slip of the pen
        ("modle.als.rank", "model.als.rank"),
        ("als.rank", "model.als.rank"),  # forgotten group
        ("min_users", "gate.min_users"),
        ("publish.min_users", "gate.min_users"),  # wrong group
        ("iteration", "model.als.iterations"),  # both
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(
    conf: Path, key: str, nearest: str
) -> None:
    text = message(conf, f"{key}=3")
    assert text.startswith(f"--set: there is no setting {key}; did you mean ")
    assert nearest in text


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("ingest.time_zone=Mars/Base", "there is no time zone Mars/Base"),
        ("ingest.time_pattern=%d.%Q", "%Q is none of"),
        ("ingest.value_scale.input=[0, 100]", "give both"),
    ],
)
def test_a_value_that_breaks_a_rule_says_which(conf: Path, override: str, why: str) -> None:
    assert why in message(conf, override)


def test_an_unknown_key_in_a_file_names_the_line(conf: Path) -> None:
    write_local(conf, "model:\n  als:\n    rank: 3\n    ranks: 4\n")
    assert message(conf) == (
        "conf/local.yaml:4: there is no setting model.als.ranks; did you mean model.als.rank?"
    )


def test_a_key_like_no_other_points_to_the_list(conf: Path) -> None:
    assert message(conf, "zzz=1").endswith(
        "there is no setting zzz; ./toplists config lists them all."
    )


def test_a_group_is_no_setting(conf: Path) -> None:
    write_local(conf, "model: als\n")
    assert message(conf).startswith(
        "conf/local.yaml:1: model is a group of settings, not a setting"
    )
    write_local(conf, "")
    assert "set one of model.item_knn.measure, " in message(conf, "model.item_knn={a: 1}")


def test_a_setting_is_no_group(conf: Path) -> None:
    write_local(conf, "model:\n  name:\n    als: 3\n")
    assert message(conf).startswith('conf/local.yaml:3: model.name = {"als": 3} is not possible')


def test_a_key_twice_in_a_file_is_an_error(conf: Path) -> None:
    write_local(conf, "model:\n  seed: 1\n  seed: 2\n")
    assert message(conf) == "conf/local.yaml:3 sets model.seed a second time: keep one."


# --- files and arguments that are not settings at all --------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model:\n  seed: [1\n", "conf/local.yaml:3 is not valid YAML"),
        ("model:\n\tseed: 1\n", "conf/local.yaml:2 is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "conf/local.yaml:2 is not valid YAML"),  # a second document
        ("- model\n", "conf/local.yaml:1 is not a setting: write `key: value` lines."),
    ],
)
def test_a_file_that_is_not_settings_names_the_line(conf: Path, text: str, expected: str) -> None:
    write_local(conf, text)
    assert message(conf).startswith(expected)


@pytest.mark.parametrize("argument", ["model.seed", "=3", ""])
def test_an_argument_without_key_or_value_shows_the_form(conf: Path, argument: str) -> None:
    assert "is not of the form key=value" in message(conf, argument)


@pytest.mark.parametrize("value", ['"open', "[1", "{a: 1"])
def test_an_unreadable_argument_is_named(conf: Path, value: str) -> None:
    assert message(conf, f"model.seed={value}").startswith(f"--set model.seed={value}: ")


@pytest.mark.parametrize("env", ["staging", "base", "../conf/local"])
def test_an_unknown_environment_lists_the_known(conf: Path, env: str) -> None:
    text = message(conf, env=env)
    assert f"no environment {env!r}" in text
    assert "local, prod" in text


# --- what is shown --------------------------------------------------------------------------------


def test_settings_are_described_with_value_origin_meaning_and_range(conf: Path) -> None:
    lines = {line.key: line for line in describe_settings(resolve_settings(conf, "prod"))}
    assert lines["model.als.rank"] == SettingLine(
        key="model.als.rank",
        value="96",
        origin="conf/prod.yaml:3",
        meaning="Number of latent factors.",
        allowed="whole number, at least 1, at most 1024",
    )
    assert lines["model.name"].value == '"als"'
    assert lines["recommend.active_days"].value == "null"


# --- the storage that tasks exchange files through -------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "s3://key:hunter2@bucket/prefix",
        "s3://key:hunter2/with#odd?signs@bucket/prefix",
        "s3://bucket/prefix?secret_key=hunter2",
        "abfs://container@account/path?sas_token=hunter2",
    ],
)
def test_a_storage_with_a_secret_in_it_is_refused_and_not_shown(conf: Path, uri: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_settings(conf, "local", [f"engine.exchange={uri}"])
    assert str(caught.value).startswith(
        "--set: engine.exchange is not possible: it holds a password"
    )
    assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/prefix?region=eu-west-1", "hdfs://user@host:8020/path", "file:///mnt/fast"],
)
def test_a_storage_without_one_is_taken(conf: Path, uri: str) -> None:
    settings = resolve_settings(conf, "local", [f"engine.exchange={uri}"]).settings
    assert settings.engine.exchange == uri
    assert uri not in str(settings.result_affecting())


def test_a_storage_is_named_by_a_uri(conf: Path) -> None:
    assert "is not possible: it is no URI: write s3://" in message(
        conf, "engine.exchange=/mnt/fast"
    )


# --- overlays -------------------------------------------------------------------------------------


def test_an_overlay_lies_between_the_environment_and_arguments(conf: Path, tmp_path: Path) -> None:
    best = tmp_path / "study" / "best.yaml"
    best.parent.mkdir()
    best.write_text("# found\nmodel:\n  als:\n    rank: 64\n    alpha: 3.5\n")
    resolved = resolve_settings(conf, "prod", ["model.als.alpha=7"], [best])
    assert resolved.settings.model.als.rank == 64
    assert resolved.origins["model.als.rank"] == "study/best.yaml:4"
    assert resolved.settings.model.als.alpha == 7
    later = tmp_path / "later.yaml"
    later.write_text("model:\n  als:\n    rank: 8\n")
    assert resolve_settings(conf, "prod", (), [best, later]).settings.model.als.rank == 8


def test_an_overlay_must_be_there_and_have_known_keys(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no file .*none\.yaml"):
        resolve_settings(conf, "local", (), [tmp_path / "none.yaml"])
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("model:\n  als:\n    rnak: 64\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.yaml:3: there is no setting"):
        resolve_settings(conf, "local", (), [wrong])
