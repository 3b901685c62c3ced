"""Reports of runs: what is known is gathered from the tables, without Spark, and written as files."""
