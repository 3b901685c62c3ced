"""Every setting of the pipeline: its type, default, range and one-line meaning.

The tree mirrors the rooms of the pipeline. Values come from the YAML layers (see
`toplists.config.layers`); the defaults here are what `conf/base.yaml` leaves out.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from toplists.config.metric_names import METRIC_KINDS, MetricName

Share = Annotated[float, Field(ge=0.0, le=1.0)]
EventWeight = Annotated[float, Field(ge=0.0, le=1000.0)]
FallbackName = Literal["segment", "trending", "window", "popularity"]
Encoding: TypeAlias = Literal[
    "utf-8",
    "utf-16",
    "latin-1",
    "iso-8859-15",
    "cp1250",
    "cp1251",
    "cp1252",
    "shift_jis",
    "gb18030",
]
UNSHOWN = "unshown"
"""Type of the errors of values that must not be shown."""
_SECRET = re.compile("secret|token|password|credential|key|signature|^sig$")
TIME_DIRECTIVES = frozenset(
    {"%Y", "%y", "%m", "%b", "%d", "%H", "%I", "%p", "%M", "%S", "%f", "%z"}
)


class Section(BaseModel):
    """A group of settings: immutable, closed against unknown keys, and of finite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class LakeSettings(Section):
    root: str = Field("./lake", description="Folder that holds one sub-folder per dataset.")
    lease_seconds: float = Field(
        0.0, ge=0.0, description="How long to wait for another writer of the same dataset."
    )


class ColumnSettings(Section):
    """Which input column means what; `null` = found by its usual names."""

    user: str | None = Field(None, description="Column with the user id.")
    item: str | None = Field(None, description="Column with the item id.")
    value: str | None = Field(None, description="Column with the rating or amount; may be absent.")
    time: str | None = Field(None, description="Column with the time of the event; may be absent.")
    event_type: str | None = Field(
        None, description="Column with the kind of event; may be absent."
    )
    event_id: str | None = Field(None, description="Column with a unique event id; may be absent.")
    updated_at: str | None = Field(
        None, description="Column that says which of two versions of an event is newer."
    )


class TypeSettings(Section):
    """What ids must be; a row with another id is refused."""

    user: Literal["text", "whole"] = Field(
        "text", description="User ids are any text, or whole numbers only."
    )
    item: Literal["text", "whole"] = Field(
        "text", description="Item ids are any text, or whole numbers only."
    )


class ValueScaleSettings(Section):
    """A linear map of values; without one they stay as they are."""

    input: list[float] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Ends of the scale that values come in; those beyond are refused.",
    )
    output: list[float] | None = Field(
        None, min_length=2, max_length=2, description="What these two ends become."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.input is None) != (self.output is None):
            raise ValueError("give both ingest.value_scale.input and .output, or neither")
        if self.input is not None and self.input[0] >= self.input[1]:
            raise ValueError("ingest.value_scale.input must rise: its smaller end comes first")
        return self


class IngestSettings(Section):
    columns: ColumnSettings = ColumnSettings()
    types: TypeSettings = TypeSettings()
    delimiter: str = Field(
        ",", min_length=1, max_length=4, description="Separator of `csv:` files."
    )
    header: list[str] | None = Field(
        None, description="Column names of `csv:` and `tsv:` files that have no line of them."
    )
    encoding: Encoding = Field("utf-8", description="How the characters of text files are written.")
    decimal: Literal[".", ","] = Field(
        ".", description="What stands before the fraction of a number in `csv:` and `tsv:` files."
    )
    missing: list[str] | None = Field(
        None, description="Texts that mean that there is nothing, such as NULL or -1."
    )
    missing_value: Literal["refused", "accepted"] = Field(
        "refused",
        description="Whether a row whose value is missing is refused, or an event without a value.",
    )
    value_scale: ValueScaleSettings = ValueScaleSettings()
    time_format: Literal["auto", "seconds", "millis", "micros", "iso"] = Field(
        "auto",
        description="How times are written; `auto` tells numbers by size, the rest is ISO 8601.",
    )
    time_pattern: str | None = Field(
        None, description="Pattern of times, as in %d.%m.%Y %H:%M; goes before time_format."
    )
    time_zone: str = Field("UTC", description="Zone of times that name none, as in Europe/Berlin.")
    event_types: list[str] | None = Field(
        None, description="Kinds of events that are allowed; others are refused."
    )
    min_value: float | None = Field(None, description="Smallest allowed value; lower is refused.")
    max_value: float | None = Field(None, description="Largest allowed value; higher is refused.")
    items: str | None = Field(
        None, description="File with the catalogue of items: csv, tsv, jsonl or parquet."
    )
    users: str | None = Field(
        None, description="File with attributes of users: csv, tsv, jsonl or parquet."
    )
    delta_rewrites: Literal["refuse", "reread"] = Field(
        "refuse",
        description="What to do where a Delta source did not only grow: refuse, or read all of it.",
    )
    max_rejected_share: Share = Field(
        0.01, description="Share of refused rows above which the whole input is refused."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"there is no time zone {zone}") from error
        return zone

    @field_validator("time_pattern")
    @classmethod
    def _known_directives(cls, pattern: str | None) -> str | None:
        unknown = set(re.findall("%.?", pattern or "")) - TIME_DIRECTIVES
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is none of {sorted(TIME_DIRECTIVES)}")
        return pattern


class InputSettings(Section):
    """What is usual of a feed that comes daily; anything else is refused before training."""

    daily_from: int = Field(
        21, ge=7, le=28, description="A feed is judged if so many of the last 28 days had events."
    )
    min_daily_events: int = Field(
        1000, ge=1, description="A feed is judged from so many events on the median day."
    )
    min_volume: float = Field(
        0.3, ge=0.0, description="Least events of the last day, as a share of its weekday's median."
    )
    max_volume: float = Field(
        4.0, ge=1.0, description="Most events of the last day, as a share of its weekday's median."
    )
    max_new_rise: Share = Field(
        0.3, description="How much larger than usual the share of new users or items may be."
    )
    max_value_drift: float = Field(
        0.25, gt=0.0, description="Largest population stability index of the last day's values."
    )


class SplitSettings(Section):
    method: Literal["auto", "days", "last", "hash"] = Field(
        "auto",
        description="How the holdout is chosen; `auto` takes the first of days, last, hash that serves.",
    )
    holdout_days: int = Field(30, ge=1, description="`days`: the holdout is this many last days.")
    min_warm_users: int = Field(
        200, ge=1, description="`auto`: users that `days` must leave to judge on."
    )
    holdout_last: int = Field(5, ge=1, description="`last`: newest interactions held out per user.")
    holdout_share: Share = Field(0.2, description="`hash`: share of interactions held out.")


class WindowSettings(Section):
    """Which events are trained on, by their time; those outside still count as seen."""

    since: date | None = Field(
        None, description="Events before this UTC day are not trained on; `null` = no limit."
    )
    until: date | None = Field(
        None, description="Events from this UTC day on are not trained on; `null` = no limit."
    )
    last_days: int | None = Field(
        None, ge=1, description="Events older than this many days are not trained on."
    )

    @model_validator(mode="after")
    def _has_a_day_in_it(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"since {self.since} must be before until {self.until}")
        return self


class OutlierSettings(Section):
    """Which users are not trained on because no person acts like that; `null` = no such rule."""

    max_events: int | None = Field(
        None, ge=1, description="Users with more events than this are outliers."
    )
    burst_events: int | None = Field(
        None, ge=1, description="Users with more events than this in `burst_minutes` are outliers."
    )
    burst_minutes: int = Field(1, ge=1, description="Length of the interval of `burst_events`.")
    max_deviation: float | None = Field(
        None,
        gt=0.0,
        description="Modified z-score of a user's number of events above which it is an outlier; 3.5 is usual.",
    )
    same_value_from: int | None = Field(
        None,
        ge=2,
        description="Users with at least this many ratings, all of one value, are outliers.",
    )


class PrepareSettings(Section):
    positive_from: float = Field(
        4.0,
        description="Values from here on are positive feedback; events without a value are too.",
    )
    event_weights: dict[str, EventWeight] = Field(
        {},
        description="Weight of each event type; without any, the last event of a pair decides.",
    )
    other_event_weight: EventWeight = Field(
        1.0, description="Weight of event types that `event_weights` does not name."
    )
    max_weight: float = Field(
        10.0, gt=0.0, le=1000.0, description="Cap on what the events of a pair add up to."
    )
    half_life_days: float | None = Field(
        None, gt=0.0, description="Age at which an event counts half; `null` = age does not matter."
    )
    session_gap_minutes: int | None = Field(
        None,
        ge=1,
        description="A longer pause begins a new session of a user; `null` = no sessions.",
    )
    window: WindowSettings = WindowSettings()
    outliers: OutlierSettings = OutlierSettings()
    stop_items: tuple[str, ...] = Field(
        (), description="Items that are neither trained on nor recommended."
    )
    stop_items_file: str | None = Field(
        None, description="File with more of them, one id per line; empty lines do not count."
    )
    min_user_interactions: int = Field(
        1,
        ge=1,
        description="Users with fewer likings (explicit ALS: ratings) are not trained on.",
    )
    min_item_interactions: int = Field(
        1,
        ge=1,
        description="Items with fewer likings (explicit ALS: ratings) are not trained on.",
    )
    max_user_interactions: int = Field(
        2000,
        ge=1,
        description="Newest likings (explicit ALS: ratings) of a user that are trained on.",
    )
    split: SplitSettings = SplitSettings()

    @model_validator(mode="after")
    def _a_return_has_no_weight(self) -> Self:
        if "return" in self.event_weights:
            raise ValueError("event_weights names return, which cancels its purchase: leave it out")
        return self


PenaltyScaling = Literal["by_count", "plain", "frequency_scaled"]
ConfidenceForm = Literal["linear", "log", "constant"]
_KERNELS_ONLY = (
    "tolerance",
    "over_relaxation",
    "regularization_scaling",
    "regularization_exponent",
    "confidence",
    "unobserved_weight",
    "biases",
    "solver",
    "published",
)


class AlsSettings(Section):
    rank: int = Field(32, ge=1, le=1024, description="Number of latent factors.")
    iterations: int = Field(10, ge=1, le=500, description="Passes over both sides.")
    tolerance: float | None = Field(
        None,
        gt=0.0,
        lt=1.0,
        description=(
            "End one pass after the first that changes the objective by a smaller share; `null` = never "
            "early."
        ),
    )
    over_relaxation: bool = Field(
        True,
        description=(
            "Go beyond the solutions of all passes but the first and the last: the same objective in "
            "about half as many."
        ),
    )
    regularization: float = Field(0.05, ge=0.0, description="Penalty on the factors.")
    regularization_scaling: PenaltyScaling = Field(
        "by_count",
        description=(
            "Whether the penalty is multiplied by a row's number of interactions, or by a power of it "
            "and of what it could have been."
        ),
    )
    regularization_exponent: float = Field(
        1.0, ge=0.0, le=1.0, description="`frequency_scaled`: that power."
    )
    alpha: float = Field(
        10.0,
        ge=0.0,
        description="Implicit feedback: how much more an interaction counts than none.",
    )
    confidence: ConfidenceForm = Field(
        "linear",
        description="Implicit feedback: alpha is multiplied by the weight, its logarithm or nothing.",
    )
    unobserved_weight: float = Field(
        1.0, gt=0.0, le=1.0, description="Implicit feedback: how much no interaction counts."
    )
    feedback: Literal["implicit", "explicit"] = Field(
        "implicit", description="Rank by preference (`implicit`) or predict the value (`explicit`)."
    )
    biases: bool = Field(
        True,
        description=(
            "Explicit feedback: fit how far each user and item are from the mean; without, vectors alone "
            "predict the values, as in MLlib."
        ),
    )
    solver: Literal["auto", "exact", "cg"] = Field(
        "auto",
        description=(
            "Solve every row exactly, or by three steps of conjugate gradients; `auto` = by the rank."
        ),
    )
    engine: Literal["kernels", "mllib"] = Field(
        "kernels", description="Compiled kernels in Spark tasks, or Spark MLlib's ALS."
    )

    published: Literal["refit", "fold_in"] = Field(
        "refit",
        description=(
            "Published vectors: a fit to everything, or those of the evaluation fit with everybody "
            "folded in."
        ),
    )
    warm_start: bool = Field(
        True, description="Start from the item factors of the fit before, where there is one."
    )
    warm_iterations: int = Field(
        1, ge=1, le=500, description="Passes over both sides of a fit that starts from another."
    )
    cold_every: int = Field(
        7, ge=1, description="Of so many runs in a row, one starts from nothing."
    )

    @model_validator(mode="after")
    def _only_one_scaling_has_an_exponent(self) -> Self:
        if self.regularization_scaling != "frequency_scaled" and self.regularization_exponent != 1:
            raise ValueError(
                "regularization_exponent is for regularization_scaling frequency_scaled: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _mllib_has_fewer_settings(self) -> Self:
        if self.engine == "mllib":
            for name in _KERNELS_ONLY:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"engine mllib has no choice of {name}: leave it out")
        return self


class ItemCosineSettings(Section):
    neighbours: int = Field(100, ge=1, description="Most similar items kept for each item.")
    shrinkage: float = Field(
        10.0, ge=0.0, description="Added to the denominator, against similarities from few raters."
    )


class BayesianMfSettings(Section):
    """Predicts values, and needs no penalty: its priors are drawn with everything else."""

    rank: int = Field(16, ge=1, le=256, description="Number of latent factors.")
    burn_in: int = Field(20, ge=1, le=10_000, description="Rounds that do not count yet.")
    rounds: int = Field(200, ge=1, le=10_000, description="Rounds after them.")
    keep_every: int = Field(
        10,
        ge=1,
        description="Of so many rounds, one counts; vectors have `rank` numbers for each that does.",
    )

    @model_validator(mode="after")
    def _a_round_counts(self) -> Self:
        if self.keep_every > self.rounds:
            raise ValueError("keep_every must not exceed rounds, or no round counts")
        return self


class ModelSettings(Section):
    name: Literal["als", "bayesian_mf", "item_cosine", "popularity"] = Field(
        "als", description="The model behind the personal lists."
    )
    seed: int = Field(42, ge=0, description="Seed of everything random in a fit.")
    als: AlsSettings = AlsSettings()
    bayesian_mf: BayesianMfSettings = BayesianMfSettings()
    item_cosine: ItemCosineSettings = ItemCosineSettings()


class RecommendSettings(Section):
    n: int = Field(50, ge=1, le=1000, description="Length of every personal list.")
    active_days: int | None = Field(
        None,
        ge=1,
        description="Users without an event in this many days get no list; `null` = all do.",
    )
    similar_n: int = Field(20, ge=1, le=1000, description="Length of every list of similar items.")
    similar: Literal["item_cosine", "factors"] = Field(
        "item_cosine",
        description="Items are similar by who likes both, or by the direction of their factors (als).",
    )
    fallback: tuple[FallbackName, ...] = Field(
        ("popularity",),
        min_length=1,
        description="Rankings that fill short lists and make the popular ones, in turn; `popularity` is last.",
    )
    window_days: int = Field(
        30, ge=1, description="`window`: popularity in this many days before as_of."
    )
    trending_days: int = Field(7, ge=1, description="`trending`: recent days, before as_of.")
    trending_baseline_days: int = Field(
        28, ge=1, description="`trending`: days before the recent ones that they are compared with."
    )
    trending_smoothing: float = Field(
        10.0, gt=0.0, description="`trending`: likings that an item needs to be believed, about."
    )
    segment_by: str | None = Field(
        None, description="`segment`: attribute of users by which popularity is told apart."
    )
    max_segments: int = Field(
        50, ge=1, le=1000, description="`segment`: largest groups that get a ranking of their own."
    )

    @model_validator(mode="after")
    def _every_list_can_be_filled(self) -> Self:
        if self.fallback[-1] != "popularity" or len(set(self.fallback)) < len(self.fallback):
            raise ValueError("fallback must name each ranking once, and popularity last")
        if ("segment" in self.fallback) != (self.segment_by is not None):
            raise ValueError(
                "fallback names segment if, and only if, segment_by names an attribute"
            )
        return self


class EvaluateSettings(Section):
    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1)] = Field(
        ("hit_rate@10", "recall@10", "ndcg@10", "hit_rate@50", "recall@50", "ndcg@50"),
        description=f"What is measured: {', '.join(METRIC_KINDS)}, at any number of places.",
    )

    @field_validator("metrics")
    @classmethod
    def _none_twice(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        for name in metrics:
            if metrics.count(name) > 1:
                raise ValueError(f"{name} is there twice: leave one out")
        return metrics


class GateSettings(Section):
    metric: MetricName = Field(
        "ndcg@10", description="The metric that decides, one of evaluate.metrics."
    )
    max_loss: Share = Field(
        0.02,
        description="Loss against popularity and the live run that is still allowed (relative).",
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        0.95, description="Confidence of the bootstrap intervals."
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="Bootstrap resamples.")
    min_users: int = Field(200, ge=1, description="Holdout users below which the gate only warns.")
    max_short_share: Share = Field(0.01, description="Share of lists that may be shorter than n.")
    min_personal_share: Share = Field(
        0.5, description="Share of trained users' lists that must hold personal items."
    )
    min_user_retention: Share = Field(
        0.95, description="Eligible users, as a share of the live run's, that must remain."
    )


class PublishSettings(Section):
    keep_runs: int = Field(5, ge=2, description="Published runs kept for rollback.")


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
        400_000,
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
        parts = urlsplit(uri)
        named = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        # A key with a slash in it ends the part in which a password is looked for.
        has_password = parts.password is not None or re.match(r"[^:]*://[^@]*:[^@]*@", uri)
        if has_password or any(map(_SECRET.search, named)):
            raise PydanticCustomError(
                UNSHOWN,
                "it holds a password or key, which belongs into the environment of driver and executors, such "
                "as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        if not parts.scheme:
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


class Settings(Section):
    """All settings of one invocation."""

    lake: LakeSettings = LakeSettings()
    ingest: IngestSettings = IngestSettings()
    input: InputSettings = InputSettings()
    prepare: PrepareSettings = PrepareSettings()
    model: ModelSettings = ModelSettings()
    recommend: RecommendSettings = RecommendSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    gate: GateSettings = GateSettings()
    publish: PublishSettings = PublishSettings()
    maintain: MaintainSettings = MaintainSettings()
    engine: EngineSettings = EngineSettings()
    watch: WatchSettings = WatchSettings()

    @model_validator(mode="after")
    def _mllib_weighs_no_ratings(self) -> Self:
        als, prepare = self.model.als, self.prepare
        unweighted = als.engine == "mllib" and als.feedback == "explicit"
        if self.model.name == "als" and unweighted:
            for name in ("event_weights", "half_life_days"):
                if getattr(prepare, name):
                    raise ValueError(
                        f"explicit ALS of engine mllib does not weigh ratings: leave out prepare.{name}, "
                        "or use model.als.engine=kernels"
                    )
        return self

    @model_validator(mode="after")
    def _what_decides_is_measured(self) -> Self:
        if self.gate.metric not in self.evaluate.metrics:
            raise ValueError(
                f"gate.metric is {self.gate.metric}, which is not measured: add it to evaluate.metrics, or "
                f"decide by one of {', '.join(self.evaluate.metrics)}"
            )
        return self

    @model_validator(mode="after")
    def _similar_by_what_is_fitted(self) -> Self:
        fitted = self.model.name == "als" and self.model.als.feedback == "implicit"
        if self.recommend.similar == "factors" and not fitted:
            raise ValueError(
                "recommend.similar=factors needs model.name als with implicit feedback"
            )
        return self

    def result_affecting(self) -> dict[str, object]:
        """The settings that decide what the lists are, as plain data for the run's fingerprint.

        Where the lake lies, how input is parsed (its outcome is in the events) and judged, how long
        runs are kept, how work is cut and who is told do not change a list.
        """
        return self.model_dump(
            mode="json",
            exclude={"lake", "ingest", "input", "publish", "maintain", "engine", "watch"},
        )
