"""When a night begins: by the clock, by an asset, or both."""

from __future__ import annotations

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable

from toplists.config.airflow import AirflowSettings


def schedule_of(
    settings: AirflowSettings,
) -> CronTriggerTimetable | AssetOrTimeSchedule | list[Asset] | None:
    """The schedule of `airflow.cron` and `airflow.input_asset`; `None` = by hand only."""
    clock = clock_of(settings.cron)
    assets = [Asset(settings.input_asset)] if settings.input_asset else []
    if clock and assets:
        return AssetOrTimeSchedule(timetable=clock, assets=assets)
    return clock or assets or None


def clock_of(cron: str | None) -> CronTriggerTimetable | None:
    """The schedule of a cron expression in UTC; `None` = by hand only."""
    return CronTriggerTimetable(cron, timezone="UTC") if cron else None
