"""When a night begins, and what it waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

from toplists.config.airflow import AirflowSettings
from toplists_airflow.schedule import schedule_of
from toplists_airflow.waiting import is_there, wait_for_input


def test_by_the_clock() -> None:
    clock = schedule_of(AirflowSettings(cron="30 2 * * *"))
    assert isinstance(clock, CronTriggerTimetable)
    assert clock.expression == "30 2 * * *"


def test_by_an_asset() -> None:
    found = schedule_of(AirflowSettings(cron=None, input_asset="s3://shop/events"))
    assert isinstance(found, list)
    assert [asset.uri for asset in found] == ["s3://shop/events"]


def test_by_both() -> None:
    found = schedule_of(AirflowSettings(input_asset="s3://shop/events"))
    assert isinstance(found, AssetOrTimeSchedule)


def test_by_hand_only() -> None:
    assert schedule_of(AirflowSettings(cron=None)) is None


@pytest.mark.parametrize("name", ["2026-11-24/_SUCCESS", "2026-11-24"])
def test_it_waits_for_the_file_or_folder_of_the_day(tmp_path: Path, name: str) -> None:
    pattern = f"{tmp_path}/{name.replace('2026-11-24', '{as_of}')}"
    assert not is_there(pattern, "2026-11-24")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert is_there(pattern, "2026-11-24")
    assert not is_there(pattern, "2026-11-25")


def test_waiting_holds_no_worker_and_ends() -> None:
    sensor = wait_for_input(AirflowSettings(wait_for="/data/{as_of}/_SUCCESS", wait_hours=2.0))
    assert sensor.mode == "reschedule"
    assert sensor.timeout == 7200
    assert sensor.pool == "default_pool"
