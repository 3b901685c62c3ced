"""The Spark session of a job."""

from __future__ import annotations

from pyspark.sql import SparkSession

# What the code relies on, whatever a cluster's defaults say. Everything that is a matter of
# machine size or taste lies in conf/spark/<env>.conf and reaches us through spark-submit.
_REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.python.daemon.module": "toplists.engine.daemon",
    # Else workers of queries have one variable more than those of other jobs, and a daemon of their own.
    "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false",
}


def open_session(application: str) -> SparkSession:
    """The session of this process, started on first use.

    Args:
        application: Name shown in Spark's UI and history.
    """
    builder = SparkSession.builder.appName(application)
    for key, value in _REQUIRED.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session
