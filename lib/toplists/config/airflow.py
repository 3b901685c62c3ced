"""Settings of the DAGs in `airflow_dags/`."""

from __future__ import annotations

from pydantic import Field

from toplists.config.section import Section


class AirflowSettings(Section):
    dataset: str = Field("sample-movielens", description="Dataset of the nights.")
    source: str | None = Field(
        None,
        description="What a night takes in, as `KIND:PATH`; `null` = the sample inside pyspark.",
    )
    cron: str | None = Field(
        "0 3 * * *",
        description="When a night begins, as a cron expression in UTC; `null` = not by the clock.",
    )
    input_asset: str | None = Field(
        None, description="URI of an asset whose updates begin a night; `null` = none does."
    )
    wait_for: str | None = Field(
        None,
        description=(
            "File or folder that a night waits for, such as `/data/{as_of}/_SUCCESS`; `null` = it does not wait."
        ),
    )
    wait_hours: float = Field(
        6.0, gt=0.0, description="How long a night waits for it before it fails."
    )
    max_age_hours: float = Field(
        26.0, gt=0.0, description="How old live lists may be before the freshness check fails."
    )
    freshness_cron: str | None = Field(
        "0 * * * *",
        description="When the freshness check runs, as a cron expression in UTC; `null` = not by the clock.",
    )
    maintenance_cron: str | None = Field(
        "0 12 * * 0",
        description="When maintenance runs, as a cron expression in UTC; `null` = not by the clock.",
    )
    pool: str = Field(
        "toplists", description="Pool of Airflow that every job takes a slot of: the cluster."
    )
    connection: str = Field(
        "spark_default", description="Connection of Airflow that names the Spark master."
    )
    alert_connection: str | None = Field(
        None,
        description=(
            "Connection of Airflow, with a URL for its password or host, that is told of failed tasks; `null` = the log only."
        ),
    )
    owner: str = Field("toplists", description="Who is asked when a task fails.")
    retries: int = Field(
        3, ge=0, description="How often a task is tried again that running again may cure."
    )
    retry_minutes: float = Field(
        2.0, gt=0.0, description="How long before the first retry; each further one waits twice."
    )
    task_hours: float = Field(6.0, gt=0.0, description="How long one task may take.")
    night_hours: float = Field(
        20.0, gt=0.0, description="How long a whole night may take, waiting included."
    )
    memory_limit_gb: float | None = Field(
        None,
        gt=0.0,
        description=(
            "Most that the driver and executors of a job may ask for together, in GiB; `null` = any."
        ),
    )
    results: str | None = Field(
        None,
        description=(
            "Folder for how each job ended, seen by driver and Airflow's worker; `null` = `logs/airflow`."
        ),
    )
