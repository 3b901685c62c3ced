"""docs/airflow.md: its tables are those of the DAGs, none missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from toplists.config.airflow import AirflowSettings
from toplists_airflow.ending import FINAL_CODES

if TYPE_CHECKING:
    from airflow.sdk import DAG

PAGE = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """The first cells of the table whose first heading this is."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [line.split("|")[1].strip() for line in table.splitlines()]


def names(heading: str) -> list[str]:
    """What these cells name as code."""
    return re.findall(r"`([^`]+)`", " ".join(first_cells(heading)))


def test_every_dag_is_described(dags: Mapping[str, DAG]) -> None:
    assert sorted(names("DAG")) == sorted(dags)


def test_every_setting_is_described() -> None:
    assert sorted(names("settings")) == sorted(AirflowSettings.model_fields)


def test_every_parameter_of_a_night_is_described(dags: Mapping[str, DAG]) -> None:
    assert names("parameter") == list(dags["toplists_nightly"].params)


def test_exit_codes_do_what_is_said() -> None:
    done, again, final = first_cells("exit code of the job")
    assert done == "0"
    assert {int(code) for code in re.findall(r"\d", final)} == FINAL_CODES
    assert {int(code) for code in re.findall(r"\d", again)} == set(range(1, 8)) - FINAL_CODES


def test_the_asset_is_named_as_it_is(dags: Mapping[str, DAG]) -> None:
    (asset,) = dags["toplists_nightly"].get_task("publish").outlets
    assert f'Asset("{asset.name}", "{asset.uri}")' in PAGE


@pytest.mark.parametrize("name", ["airflow-graph", "airflow-runbook", "airflow-asset"])
def test_the_pictures_are_small(name: str) -> None:
    assert (ROOT / "docs" / "screenshots" / f"{name}.webp").stat().st_size < 150_000
