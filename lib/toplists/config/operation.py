"""Settings of where the work is done, how long things are kept, and who is told."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from toplists.config.addresses import holds_secret
from toplists.config.section import UNSHOWN, Section


class LakeSettings(Section):
    root: str = Field("./lake", description="Folder that holds one sub-folder per dataset.")
    lease_seconds: float = Field(
        0.0, ge=0.0, description="How long to wait for another writer of the same dataset."
    )


class MaintainSettings(Section):
    vacuum_hours: int = Field(
        168, ge=0, description="Files that no table needs any more are kept for this many hours."
    )
    target_file_mb: int = Field(
        128, ge=1, description="Small files of a table are put together up to this size, in MiB."
    )
    work_runs: int = Field(
        1, ge=0, description="Published runs whose work files are kept, the newest of them."
    )
    snapshot_runs: int | None = Field(
        None, ge=1, description="Published runs whose snapshot is kept; `null` = publish.keep_runs."
    )
    model_runs: int | None = Field(
        None, ge=1, description="Published runs whose models are kept; `null` = publish.keep_runs."
    )
    events_days: int | None = Field(
        None, ge=1, description="Events older than this many days are removed; `null` = none are."
    )
    rejected_days: int | None = Field(
        None,
        ge=1,
        description="Rejected rows of loads older than this many days are removed; `null` = none are.",
    )
    ledger_days: int | None = Field(
        None,
        ge=1,
        description="Ledger and metrics of removed runs go after this many days; `null` = never.",
    )
    log_days: int | None = Field(
        90, ge=1, description="Log files older than this many days are removed; `null` = none are."
    )


class EngineSettings(Section):
    block_entries: int = Field(
        1_000_000, ge=1, description="Interactions in one block of users or items."
    )
    single_task_entries: int = Field(
        1_000_000,
        ge=0,
        description="A fit to at most so many interactions is one task, instead of a job per half.",
    )
    tile_mb: int = Field(
        32,
        ge=1,
        description="What a task holds at a time of scores, item vectors or lists, in MiB.",
    )
    node_memory_gb: float | None = Field(
        None,
        gt=0.0,
        description="Memory of each machine that executors run on, in GiB; `null` = as the driver's.",
    )

    exchange: str | None = Field(
        None,
        description=(
            "Storage that tasks exchange files through, as `s3://BUCKET/PREFIX`; `null` = the lake's folder."
        ),
    )

    @field_validator("exchange")
    @classmethod
    def _without_secret(cls, uri: str | None) -> str | None:
        if uri is None:
            return uri
        if holds_secret(uri):
            raise PydanticCustomError(
                UNSHOWN,
                "it holds a password or key, which belongs into the environment of driver and executors, such "
                "as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        if not urlsplit(uri).scheme:
            raise ValueError(
                "it is no URI: write s3://BUCKET/PREFIX, hdfs://HOST:PORT/PATH or file:///PATH"
            )
        return uri

    @property
    def tile_bytes(self) -> int:
        """`tile_mb` in bytes."""
        return self.tile_mb << 20


class WatchSettings(Section):
    prometheus_file: str | None = Field(
        None,
        description="File of figures for node-exporter, such as `/var/lib/node/{dataset}.prom`.",
    )
    webhook: SecretStr | None = Field(
        None,
        description="URL that is told how a command ended; `env:NAME` reads it from a variable.",
    )
    webhook_seconds: float = Field(
        5.0, gt=0.0, le=60.0, description="How long one attempt to reach the webhook may take."
    )
