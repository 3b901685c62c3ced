"""Every setting of the pipeline: its type, default, range and one-line meaning.

The tree mirrors the rooms of the pipeline. Values come from the YAML layers (see
`toplists.config.layers`); the defaults here are what `conf/base.yaml` leaves out.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from toplists.config.airflow import AirflowSettings
from toplists.config.evaluate import EvaluateSettings, GateSettings
from toplists.config.gate_rules import MetricRule
from toplists.config.ingest import IngestSettings, InputSettings
from toplists.config.model import ModelSettings
from toplists.config.operation import (
    EngineSettings,
    LakeSettings,
    MaintainSettings,
    WatchSettings,
)
from toplists.config.prepare import PrepareSettings
from toplists.config.publish import PublishSettings
from toplists.config.recommend import RecommendSettings
from toplists.config.section import Section


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
    airflow: AirflowSettings = AirflowSettings()

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
        for place, rule in enumerate(self.gate.rules, start=1):
            if isinstance(rule, MetricRule):
                why = self.evaluate.why_not_measured(rule.metric, rule.slice)
                if why is not None:
                    raise ValueError(f"rule {place} of gate.rules ({rule.rule}) judges by {why}")
        return self

    @model_validator(mode="after")
    def _similar_by_what_is_fitted(self) -> Self:
        fitted = self.model.name == "als" and self.model.als.feedback == "implicit"
        if self.recommend.similar == "factors" and not fitted:
            raise ValueError(
                "recommend.similar=factors needs model.name als with implicit feedback"
            )
        return self

    @model_validator(mode="after")
    def _segments_are_told_apart(self) -> Self:
        if self.model.name == "segment" and self.recommend.segment_by is None:
            raise ValueError(
                "model.name=segment needs recommend.segment_by, and segment in fallback"
            )
        return self

    def result_affecting(self) -> dict[str, object]:
        """The settings that decide what the lists are, as plain data for the run's fingerprint.

        Where the lake lies, how input is parsed (its outcome is in the events) and judged, how long
        runs are kept, how work is cut, who is told and when it is done do not change a list.
        """
        return self.model_dump(
            mode="json",
            exclude={
                "lake",
                "ingest",
                "input",
                "publish",
                "maintain",
                "engine",
                "watch",
                "airflow",
            },
        )
