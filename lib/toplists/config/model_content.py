"""Settings of the models that compare items by what the catalogue says of them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from toplists.config.section import Section

NAMED_KINDS = ("values", "text", "number")
"""Kinds of attributes that a part may name, as in `values:tags`."""

_PART = re.compile(rf"genres|year|title|vectors|({'|'.join(NAMED_KINDS)}):.+")

PartWeight = Annotated[float, Field(gt=0.0, le=1000.0)]


class ContentSettings(Section):
    """What items are compared by; see `toplists.engine.kernels.content_similarity` for the formula."""

    parts: dict[str, PartWeight] = Field(
        {"genres": 1.0, "year": 0.5},
        min_length=1,
        description=(
            "What of the catalogue is compared, and how much each counts: genres, year, title (its words), "
            "values:NAME (an attribute with values separated by `|`), text:NAME (its words), number:NAME, vectors."
        ),
    )
    weighting: Literal["none", "idf"] = Field(
        "idf",
        description="`genres` and `values`: whether all count alike, or what fewer items have counts more.",
    )
    year_scale: float = Field(
        10.0, gt=0.0, description="`year`: similarity is exp(-years between the two / this)."
    )
    number_scale: float = Field(
        1.0, gt=0.0, description="`number`: the same, in standard deviations."
    )
    vectors: str | None = Field(
        None,
        description=(
            "`vectors`: Parquet file, folder of such, or Delta table of `item_id` (string) and `vector` (array "
            "of float), all of one length, such as embeddings of images or texts."
        ),
    )
    threshold: float = Field(
        0.0, ge=0.0, le=1.0, description="Less similar items are no neighbours; at most 1."
    )

    @field_validator("parts")
    @classmethod
    def _parts_are_known(cls, parts: dict[str, float]) -> dict[str, float]:
        for name in parts:
            if not _PART.fullmatch(name):
                raise ValueError(
                    f"{name} is no part: name genres, year, title, values:NAME, text:NAME, number:NAME or vectors"
                )
        return parts

    @model_validator(mode="after")
    def _what_is_set_counts(self) -> Self:
        kinds = {name.partition(":")[0] for name in self.parts}
        for name, needed in (
            ("weighting", {"genres", "values"}),
            ("year_scale", {"year"}),
            ("number_scale", {"number"}),
            ("vectors", {"vectors"}),
        ):
            if self._is_set(name) and not needed & kinds:
                raise ValueError(
                    f"{name} is for parts {' and '.join(sorted(needed))}: leave it out, or name one in parts"
                )
        if "vectors" in kinds and self.vectors is None:
            raise ValueError("parts has vectors: name the table in vectors as well")
        return self


class ContentKnnSettings(ContentSettings):
    neighbours: int = Field(
        100, ge=1, description="Most similar items kept for each item, of those that anybody likes."
    )


class ContentRatingsSettings(ContentSettings):
    """Whose content is alike, and what their ratings say."""

    weighting: Literal["none", "idf"] = Field(
        "none", description=ContentSettings.model_fields["weighting"].description
    )
    center: Literal["none", "baseline"] = Field(
        "baseline",
        description=(
            "What ratings are compared with: nothing, or the baselines that `model.baseline` describes."
        ),
    )
    k: int = Field(
        40, ge=1, le=1_000, description="So many of the most similar that the user rated count."
    )
    min_k: int = Field(1, ge=1, description="With fewer, the level alone is predicted.")
    denominator: float | None = Field(
        None,
        ge=0.0,
        description=(
            "Added to the sum of similarities; pulls towards the level. `null` = 5 around baselines, 0 around nothing."
        ),
    )
    neighbours: int | None = Field(
        1000,
        ge=1,
        description="So many of the most similar are kept, among whom k with a rating are sought; `null` = all.",
    )

    @model_validator(mode="after")
    def _predictions_are_values(self) -> Self:
        if self.min_k > self.k:
            raise ValueError("min_k must not exceed k, or there are never enough")
        if self.denominator is not None and self.center == "none":
            raise ValueError("denominator needs a level to pull towards, which center none has not")
        return self

    @property
    def shift(self) -> float:
        """What is added to the sum of similarities."""
        usual = 5.0 if self.center == "baseline" else 0.0
        return usual if self.denominator is None else self.denominator
