"""Nightly recommendation lists on Spark and Delta Lake."""

__version__ = "0.2.0"
