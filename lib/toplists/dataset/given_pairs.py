"""Pairs of users and items that a person gives in files: parts of a fold, or what to rank among."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.config.ingest import ColumnSettings
from toplists.dataset.partings import HOLDOUT, TRAIN
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.ingest.columns import find_columns

PAIR = ["user_id", "item_id"]
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_FORMS = (*_SEPARATORS, ".parquet")
_PACKED = (".gz", ".bz2")


@dataclass(frozen=True)
class GivenPairs:
    """What files say: `pairs` is `[user_id: string, item_id: string]`, each once; `digest` is theirs."""

    pairs: DataFrame
    digest: str


@dataclass(frozen=True)
class GivenFold:
    """A fold that files describe; without `train`, what they do not hold out is learnt from."""

    label: str
    test: GivenPairs
    train: GivenPairs | None

    @property
    def digest(self) -> str:
        """Of all its files."""
        return self.test.digest + (self.train.digest if self.train else "")

    def part(self, rows: DataFrame) -> DataFrame:
        """The rows with their part as `split`; null for what is in neither.

        Raises:
            InputRefusedError: a pair is in both parts, or is none of the rows.
        """
        marked = self.test.pairs.withColumn("split", F.lit(HOLDOUT))
        if self.train is not None:
            learnt = self.train.pairs.withColumn("split", F.lit(TRAIN))
            marked = marked.unionByName(learnt)
        _check(marked, rows, self.label)
        parted = rows.join(marked, PAIR, "left")
        return parted if self.train else parted.fillna(TRAIN, ["split"])


def find_given_folds(spark: SparkSession, folder: str) -> list[GivenFold]:
    """The folds in a folder: one, or one in each folder in it, by name.

    Raises:
        ConfigurationError: there is no such folder, or a fold in it lacks its test part.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise ConfigurationError(f"given({folder}): there is no such folder.")
    folders = [root] if _files(root, "test") else sorted(filter(Path.is_dir, root.iterdir()))
    if not folders:
        raise ConfigurationError(
            f"given({folder}): there is no file test.csv in it, nor folders with one each. Put the pairs "
            f"that are held out there ({', '.join(_FORMS)}); those of train.csv are learnt from, or without it all others."
        )
    return [
        GivenFold(
            label=one.name if one != root else "1",
            test=read_pairs(spark, one, "test"),
            train=read_pairs(spark, one, "train") if _files(one, "train") else None,
        )
        for one in folders
    ]


def read_pairs(spark: SparkSession, folder: Path, name: str) -> GivenPairs:
    """The pairs in the files `<name>*` of a folder, which every executor sees.

    Raises:
        ConfigurationError: there are none, or not with the columns of a pair.
    """
    files = _files(folder, name)
    if not files:
        raise ConfigurationError(
            f"{folder} has no file {name}.csv. Put one there, with a column for the user and one for the "
            f"item; {' and '.join(_FORMS[1:])} will do as well."
        )
    frames = [_read(spark, file) for file in files]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return GivenPairs(reduce(DataFrame.unionByName, frames).distinct(), digest.hexdigest())


def _files(folder: Path, name: str) -> Sequence[Path]:
    return sorted(file for file in folder.glob(f"{name}*") if _form(file) in _FORMS)


def _form(file: Path) -> str:
    """The ending that says how a file is written."""
    return Path(file.stem).suffix if file.suffix in _PACKED else file.suffix


def _read(spark: SparkSession, file: Path) -> DataFrame:
    # Spark takes a path for a pattern.
    path = "".join(f"\\{letter}" if letter in "[]{}*?\\" else letter for letter in str(file))
    form = _form(file)
    if form == ".parquet":
        frame = spark.read.parquet(path)
    else:
        frame = spark.read.csv(path, header=True, sep=_SEPARATORS[form])
    try:
        places = find_columns(frame.columns, ColumnSettings(), str(file))
    except InputRefusedError as error:
        raise ConfigurationError(
            f"{file} has the columns {', '.join(frame.columns)}, of which not exactly one is the user "
            "and one the item. Call these user_id and item_id."
        ) from error
    return frame.select(
        *(
            F.trim(F.col(f"`{frame.columns[places[role]]}`").cast("string")).alias(f"{role}_id")
            for role in ("user", "item")
        )
    )


def _check(marked: DataFrame, rows: DataFrame, label: str) -> None:
    there = rows.select(*PAIR).withColumn("there", F.lit(True))
    row = (
        marked.groupBy(*PAIR)
        .agg((F.count(F.lit(1)) > 1).alias("both"))
        .join(there, PAIR, "left")
        .agg(
            F.count(F.lit(1)),
            F.count_if("both"),
            F.count_if(F.col("there").isNull()),
        )
        .first()
    )
    pairs, both, absent = row if row is not None else (0, 0, 0)
    if both:
        raise InputRefusedError(
            f"{both:,} pairs of the given fold {label} are in its train files and in its test files: "
            "what is judged on must not be learnt from. Take them out of one of the two."
        )
    if absent:
        raise InputRefusedError(
            f"{absent:,} of the {pairs:,} pairs of the given fold {label} are none of the run's "
            "interactions. Give files that were made from the same data, with the same ids."
        )
