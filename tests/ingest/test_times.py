"""Patterns and zones of times."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from toplists.ingest.times import read_time, spark_pattern


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%d.%m.%Y %H:%M", "d'.'M'.'yyyy' 'H':'m"),  # one digit or two
        ("%Y%m%d%H%M%S", "yyyyMMddHHmmss"),  # digits touch: full width
        ("%d/%b/%y %I:%M %p", "d'/'MMM'/'yy' 'h':'m' 'a"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "yyyy'-'M'-'d'T'H':'m':'s'.'SSSSSSXXX"),
        ("o'clock %H", "'o''clock 'H"),
    ],
)
def test_a_strftime_pattern_in_the_letters_of_spark(pattern: str, expected: str) -> None:
    assert spark_pattern(pattern) == expected


CASES = [
    ("2.1.2024 08:30", "Europe/Berlin", "%d.%m.%Y %H:%M", "2024-01-02 07:30:00"),
    ("02.01.2024 08:30", "UTC", "%d.%m.%Y %H:%M", "2024-01-02 08:30:00"),
    ("31.2.2024 08:30", "UTC", "%d.%m.%Y %H:%M", None),
    ("1/2/24 08:30 PM", "UTC", "%m/%d/%y %I:%M %p", "2024-01-02 20:30:00"),
    ("20240102", "UTC", "%Y%m%d", "2024-01-02 00:00:00"),
    ("2024-01-02T08:30+02:00", "Asia/Tokyo", "%Y-%m-%dT%H:%M%z", "2024-01-02 06:30:00"),
    ("tomorrow", "UTC", "%Y%m%d", None),
    # Without a pattern a zone is that of times that name none; summer and winter.
    ("2024-01-02 08:30", "Europe/Berlin", None, "2024-01-02 07:30:00"),
    ("2024-07-02T08:30:00.5", "Europe/Berlin", None, "2024-07-02 06:30:00"),
    ("2024-07-02", "Europe/Berlin", None, "2024-07-01 22:00:00"),
    ("2024-07-02T08:30:00Z", "Europe/Berlin", None, "2024-07-02 08:30:00"),
    ("2024-07-02T08:30:00+05:30", "Europe/Berlin", None, "2024-07-02 03:00:00"),
    ("1000000000", "Europe/Berlin", None, "2001-09-09 01:46:40"),  # a number is in no zone
]


def test_times(spark: SparkSession) -> None:
    columns = [
        F.date_format(read_time(F.lit(text), "auto", zone, pattern), "yyyy-MM-dd HH:mm:ss")
        for text, zone, pattern, _ in CASES
    ]
    found = spark.range(1).select(*columns).collect()[0]
    assert list(found) == [expected for *_, expected in CASES]
