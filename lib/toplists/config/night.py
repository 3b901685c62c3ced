"""The verbs of a night, in order."""

NIGHT = ("ingest", "prepare", "train", "recommend", "evaluate", "publish", "export")
"""What `nightly` does in one process, and a scheduler as one task each: `jobs/VERB.py`."""
