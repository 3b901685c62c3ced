"""What of the items is compared, as settings name it: the step before any model by content."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.model_content import NAMED_KINDS, ContentSettings
from toplists.dataset.item_vectors import vector_files, vectors_digest
from toplists.engine.content import Aspect, Content, describe
from toplists.engine.exchange import write_parts
from toplists.engine.storage import find_parts, remove_parts
from toplists.engine.words import write_words
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.lake.failpoints import written
from toplists.models.protocol import TrainingData

_WORDS = "words-"


def describe_items(
    model: str, settings: ContentSettings, data: TrainingData
) -> tuple[str, dict[str, int]]:
    """Make the arrays that items are compared by.

    Args:
        model: Name of the model that asks for them.
        settings: Its settings.
        data: What it learns from.

    Returns:
        Where the arrays lie, and of how many items each part is known.

    Raises:
        InputRefusedError: the catalogue says nothing of any item.
        ConfigurationError: a part names what no item has.
    """
    if not data.catalogue:
        raise _nothing_known(model, settings)
    content = Content(
        items=data.items,
        catalogue=data.catalogue,
        aspects=tuple(
            _aspect(number, name, weight, settings, data)
            for number, (name, weight) in enumerate(settings.parts.items())
        ),
        rarity=settings.weighting == "idf",
        year_scale=settings.year_scale,
        number_scale=settings.number_scale,
    )
    path, known = describe(content, data.folder, partial(write_parts, data.spark))
    for aspect in content.aspects:
        if not known[aspect.label] and aspect.kind in (*NAMED_KINDS, "vectors"):
            raise ConfigurationError(
                f"model.{model}.parts has {aspect.label}, but the catalogue says that of no item of the run. "
                "Name what the table items has, or leave it out."
            )
    if not any(known.values()):
        raise _nothing_known(model, settings)
    return path, known


def forget_items(data: TrainingData) -> None:
    """Remove what `describe_items` has written, once all items are compared."""
    left = (find_parts(data.folder, prefix) for prefix in ("content-", _WORDS))
    with written("removal of what items were compared by"):
        remove_parts([part for parts in left for part in parts])


def content_parameters(settings: ContentSettings) -> dict[str, Any]:
    """The settings, and what the table of vectors holds, which may change while its name does not.

    Where there is no such table, it is for the fit to say so.
    """
    own = settings.model_dump(mode="json")
    if settings.vectors is not None:
        try:
            own["vectors_digest"] = vectors_digest([settings.vectors])
        except ConfigurationError:
            own["vectors_digest"] = None
    return own


def _nothing_known(model: str, settings: ContentSettings) -> InputRefusedError:
    return InputRefusedError(
        f"{model} compares items by {', '.join(settings.parts)}, and the catalogue says that of no item. Take in a "
        "catalogue (ingest.items, or a file of items beside the events), or use a model that needs none, such as "
        "model.name=item_knn or rating_knn."
    )


def _aspect(
    number: int, name: str, weight: float, settings: ContentSettings, data: TrainingData
) -> Aspect:
    kind, _, attribute = name.partition(":")
    if kind == "vectors" and settings.vectors is not None:
        return Aspect(kind, attribute, weight, vector_files(settings.vectors))
    if kind in ("title", "text"):
        texts = _texts(data, attribute)
        words = write_words(texts, data.items, data.folder, f"{_WORDS}{number}")
        return Aspect(kind, attribute, weight, words)
    return Aspect(kind, attribute, weight)


def _texts(data: TrainingData, attribute: str) -> DataFrame:
    """`[item_id: string, text: string]`: titles, or an attribute."""
    entries = data.spark.read.parquet(*data.catalogue)
    text = F.col("attributes").getItem(attribute) if attribute else F.col("title")
    return entries.select("item_id", text.alias("text"))
