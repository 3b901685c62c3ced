"""Every table of a dataset, in the order of the data's way.

This is the one place where a schema is written down: creation, writes, reads and the published
table contract (`docs/tables.md`) all come from here.
"""

from __future__ import annotations

from toplists.lake.schema import (
    BOOLEAN,
    DATE,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    Table,
    array_of,
    map_of,
    struct_of,
)

RUN_ID = Column("run_id", STRING, "Run that wrote the row: <as_of>-<8 hex of its fingerprint>.")
MODEL_ID = Column("model_id", STRING, "Fit the row belongs to: <run_id>.<model>.<part>.")
USER_ID = Column("user_id", STRING, "User id as it came in.")
ITEM_ID = Column("item_id", STRING, "Item id as it came in.")
LOAD_ID = Column("load_id", STRING, "Load that brought the row in.")
PLACEMENT = Column("placement", STRING, "Where the list is shown; `default` unless configured.")
SCHEMA_VERSION = Column("schema_version", INT, "Version of this row's format; 1 today.")
RECOMMENDED_ITEMS = array_of(
    struct_of(
        Column("item_id", STRING, "Recommended item."),
        Column("score", DOUBLE, "Score under the model named by source; comparable in one source."),
        Column(
            "source",
            STRING,
            "Who put it there: `personal` (a model that knows the user, als or item_knn), `similar`, `content` "
            "(what fills lists of similar items), or what is said to all alike: `segment`, `trending`, `window`, `popularity`.",
        ),
    )
)
ATTRIBUTES = Column("attributes", map_of(STRING), "Everything else the source says, as text.")
NUMBERS = Column("numbers", map_of(DOUBLE), "Attributes that the source declares as numbers.", True)
SHORT_REASON = Column("short_reason", STRING, "Why the list has fewer items than asked for.", True)

_VALUE_BELOW = "1e30"
VALUE_BELOW = float(_VALUE_BELOW)
"""What every value of an event is below, whatever its sign: a number that single precision can hold."""

EVENTS = Table(
    name="events",
    purpose="Accepted events as they came. The truth that everything else is derived from.",
    columns=(
        Column("event_id", STRING, "Given id, or hash of source, user, item, type, value, time."),
        Column("source", STRING, "Kind of source the event came from."),
        LOAD_ID,
        Column("line", LONG, "Line (from 1) or row in the input."),
        USER_ID,
        ITEM_ID,
        Column("event_type", STRING, "Kind of event; `rating` where the source has only one."),
        Column(
            "value", DOUBLE, "Rating or amount; null where the event itself is the feedback.", True
        ),
        Column("event_time", TIMESTAMP, "When it happened, UTC; null = always known.", True),
        Column("event_date", DATE, "UTC date of event_time; files are sorted by it.", True),
        Column("updated_at", TIMESTAMP, "Version of the event, where the source has one.", True),
        Column("content_hash", STRING, "Hash of the content, decides between equal versions."),
    ),
    key=("event_id",),
    writer="spark",
    constraints={
        "ids_not_empty": "user_id <> '' AND item_id <> ''",
        "value_is_finite": f"value IS NULL OR abs(value) < {_VALUE_BELOW}",
    },
)

LOADS = Table(
    name="loads",
    purpose="One row per batch of files taken in. Written last: its presence says that the load is complete.",
    columns=(
        LOAD_ID,
        Column("source", STRING, "Kind of source."),
        Column("path", STRING, "Where the input lay."),
        Column("fingerprint", STRING, "SHA-256 of the fingerprints of what was taken in."),
        Column("rows", LONG, "Data rows in the input."),
        Column("accepted", LONG, "Rows that became new events."),
        Column("duplicates", LONG, "Rows that repeat an event already known, or another row."),
        Column("corrections", LONG, "Rows that replaced an older version of their event."),
        Column("rejected", LONG, "Rows refused, see rejected_events."),
        Column("newest_event_time", TIMESTAMP, "Newest accepted time, if any has one.", True),
        Column("loaded_at", TIMESTAMP, "When the load completed."),
        Column(
            "files",
            array_of(
                struct_of(
                    Column("path", STRING, "Where it lay."),
                    Column(
                        "fingerprint",
                        STRING,
                        "Hash of its bytes and of how they were read; of a Delta table its id, how it "
                        "was read, and the versions.",
                    ),
                    Column(
                        "header",
                        STRING,
                        "What names its columns: the first line of text, else JSON; to read rows again.",
                        True,
                    ),
                )
            ),
            "What was taken in; null where a release before 0.2.0 did not note it.",
            True,
        ),
        Column(
            "redrive_of", STRING, "Load whose refused rows were judged again, if it is such.", True
        ),
    ),
    key=("load_id",),
    writer="driver",
    constraints={"rows_add_up": "rows = accepted + duplicates + corrections + rejected"},
)

REJECTED_EVENTS = Table(
    name="rejected_events",
    purpose="Raw rows that were refused, each with every reason.",
    columns=(
        LOAD_ID,
        Column("file", STRING, "File of the input."),
        Column("line", LONG, "Line (from 1) or row in the input."),
        Column("raw", STRING, "The row as it came."),
        Column("reasons", array_of(STRING), "Every reason, as `code: explanation`."),
        Column("element", LONG, "Which row of a line that holds several (from 1).", True),
        Column("redriven_by", STRING, "Load that is about to take the row over.", True),
    ),
    key=("load_id", "file", "line", "element"),
    writer="spark",
    partition_by=("load_id",),
    constraints={"has_reason": "cardinality(reasons) > 0"},
)

ITEMS = Table(
    name="items",
    purpose="The catalogue: what is known of an item besides who liked it.",
    columns=(
        ITEM_ID,
        Column("title", STRING, "Title as shown.", True),
        Column("year", INT, "Year of publication.", True),
        Column("genres", array_of(STRING), "Genres; empty where none is known."),
        ATTRIBUTES,
        LOAD_ID,
        NUMBERS,
        Column("available_from", TIMESTAMP, "Not recommended before; null = no limit.", True),
        Column(
            "available_until", TIMESTAMP, "Not recommended from then on; null = no limit.", True
        ),
    ),
    key=("item_id",),
    writer="driver",
)

USERS = Table(
    name="users",
    purpose="What is known of a user besides the events.",
    columns=(USER_ID, ATTRIBUTES, NUMBERS, LOAD_ID),
    key=("user_id",),
    writer="driver",
)

INTERACTIONS = Table(
    name="interactions",
    purpose="What a user thinks of an item, by the events before as_of. The snapshot of a run.",
    columns=(
        RUN_ID,
        USER_ID,
        ITEM_ID,
        Column("user_pos", INT, "Position of the user in this run (bytewise order of ids)."),
        Column("item_pos", INT, "Position of the item in this run (bytewise order of ids)."),
        Column(
            "value",
            DOUBLE,
            "Value of the last rating of the pair that counts; null = none, or without a value.",
            True,
        ),
        Column("event_time", TIMESTAMP, "Time of the last event that counts, if any.", True),
        Column("events", LONG, "Events of the pair that were aggregated, left out or not."),
        Column("positive", BOOLEAN, "Whether it counts as a liking."),
        Column("weight", FLOAT, "Weight in implicit training; 0 = seen, but not trained on."),
        Column("split", STRING, "`train` or `holdout` of the evaluation fit."),
        Column(
            "session",
            INT,
            "Session of the user that event is in, from 1; null = no time, or no sessions.",
            True,
        ),
        Column(
            "rating_weight",
            FLOAT,
            "Weight of the value in explicit training; 0 = not trained on; null before 0.3.0.",
            True,
        ),
    ),
    key=("run_id", "user_id", "item_id"),
    writer="spark",
    partition_by=("run_id",),
    constraints={
        "positions": "user_pos >= 0 AND item_pos >= 0",
        "weight": "weight >= 0",
        "split": "split IN ('train', 'holdout')",
    },
)

SNAPSHOT_USERS = Table(
    name="snapshot_users",
    purpose="The users of a run: position, activity, and whether they get a list.",
    columns=(
        RUN_ID,
        Column("user_pos", INT, "Position in bytewise order of user_id, from 0."),
        USER_ID,
        Column("interactions", LONG, "Items the user has interacted with."),
        Column("trained", LONG, "Interactions with a weight."),
        Column("last_time", TIMESTAMP, "Newest event, if any has a time.", True),
        Column("eligible", BOOLEAN, "Whether the user gets a list (recommend.active_days)."),
        Column("segment", STRING, "Segment (recommend.segment_by); null = none.", True),
        Column("first_time", TIMESTAMP, "Time of the oldest interaction, if any has one.", True),
    ),
    key=("run_id", "user_id"),
    writer="spark",
    partition_by=("run_id",),
)

SNAPSHOT_ITEMS = Table(
    name="snapshot_items",
    purpose="The items of a run and their positions.",
    columns=(
        RUN_ID,
        Column("item_pos", INT, "Position in bytewise order of item_id, from 0."),
        ITEM_ID,
        Column("interactions", LONG, "Users who have interacted with the item."),
        Column("trained", LONG, "Interactions with a weight."),
        Column(
            "recommendable",
            BOOLEAN,
            "Whether it may be recommended: available at as_of, and not on the stop-list.",
            True,
        ),
    ),
    key=("run_id", "item_id"),
    writer="spark",
    partition_by=("run_id",),
)

MODELS = Table(
    name="models",
    purpose=(
        "Registry of fits. Written after a fit's content: its presence says it is complete. The "
        "content of publication fits is in the table of their shape; that of evaluation fits is "
        "kept in the run's work folder only."
    ),
    columns=(
        MODEL_ID,
        RUN_ID,
        Column("model", STRING, "Name in the registry of models."),
        Column("part", STRING, "`train` (evaluation fit) or `all` (publication fit)."),
        Column(
            "shape",
            STRING,
            "`factors`, `item_weights`, `user_weights`, `transitions`, `ranking` or `mixture`.",
        ),
        Column("parameters", STRING, "Parameters as JSON."),
        Column("seed", LONG, "Seed of the fit."),
        Column("interactions", LONG, "Interactions learnt from."),
        Column(
            "report",
            STRING,
            "What the fit says of itself as JSON, such as its objective after each iteration.",
            nullable=True,
        ),
        Column("seconds", DOUBLE, "Wall time of the fit."),
        Column("fitted_at", TIMESTAMP, "When the fit was saved."),
    ),
    key=("model_id",),
    writer="driver",
)

_VECTOR = Column("vector", array_of(FLOAT), "Factors, of the length the model's rank.")

USER_FACTORS = Table(
    name="user_factors",
    purpose="User side of a `factors` model.",
    columns=(MODEL_ID, Column("id", STRING, "User id."), _VECTOR),
    key=("model_id", "id"),
    writer="spark",
    partition_by=("model_id",),
)

ITEM_FACTORS = Table(
    name="item_factors",
    purpose="Item side of a `factors` model.",
    columns=(MODEL_ID, Column("id", STRING, "Item id."), _VECTOR),
    key=("model_id", "id"),
    writer="spark",
    partition_by=("model_id",),
)

ITEM_WEIGHTS = Table(
    name="item_weights",
    purpose="Content of an `item_weights` or `transitions` model: each item's weighted neighbours, best first.",
    columns=(
        MODEL_ID,
        Column("id", STRING, "Item id."),
        Column("neighbours", array_of(STRING), "Neighbouring items, best first."),
        Column("weights", array_of(FLOAT), "Weight of each neighbour."),
    ),
    key=("model_id", "id"),
    writer="spark",
    partition_by=("model_id",),
    constraints={"parallel": "cardinality(neighbours) = cardinality(weights)"},
)

USER_WEIGHTS = Table(
    name="user_weights",
    purpose=(
        "Content of a `user_weights` model: each user's nearest others, and what the user likes; of a "
        "`transitions` model: what of each user counts."
    ),
    columns=(
        MODEL_ID,
        Column("id", STRING, "User id."),
        Column("neighbours", array_of(STRING), "Nearest users, best first."),
        Column("weights", array_of(FLOAT), "Weight of each neighbour."),
        Column("liked", array_of(STRING), "Items that the user likes, or came to like last."),
        Column("likings", array_of(FLOAT), "How much each counts."),
    ),
    key=("model_id", "id"),
    writer="spark",
    partition_by=("model_id",),
    constraints={
        "parallel": "cardinality(neighbours) = cardinality(weights)",
        "liked": "cardinality(liked) = cardinality(likings)",
    },
)

RANKINGS = Table(
    name="rankings",
    purpose="Content of a `ranking` model: one ordered list of items per segment.",
    columns=(
        MODEL_ID,
        Column("segment", STRING, "Group of users the list is for; `all` = everybody."),
        Column("id", STRING, "Item id."),
        Column("score", DOUBLE, "What the order is by, descending; ties by item id."),
    ),
    key=("model_id", "segment", "id"),
    writer="spark",
    partition_by=("model_id",),
)

MIXTURES = Table(
    name="mixtures",
    purpose=(
        "Members of a `mixture` model. The content of the first is in the tables of its shape under the "
        "model's id with `.0` behind it, and so on."
    ),
    columns=(
        MODEL_ID,
        Column("place", INT, "Which member it is, from 0."),
        Column("shape", STRING, "Shape of the member."),
        Column("weight", DOUBLE, "How much its scores count."),
        Column(
            "standardized",
            BOOLEAN,
            "Whether scores are brought to mean 0 and deviation 1 before they are added.",
        ),
    ),
    key=("model_id", "place"),
    writer="spark",
    partition_by=("model_id",),
)

RATED_NEIGHBOURS = Table(
    name="rated_neighbours",
    purpose=(
        "Content of a `rated_neighbours` model: levels of ratings of users and items, the ratings beside them, "
        "and similar users or items."
    ),
    columns=(
        MODEL_ID,
        Column("side", STRING, "`users` or `items`."),
        Column("id", STRING, "User or item id."),
        Column(
            "level", DOUBLE, "Its part of a prediction without neighbours; null = unknown.", True
        ),
        Column("spread", DOUBLE, "Its part of the unit that deviations are in."),
        Column("neighbours", array_of(STRING), "Similar ones of the same side, best first."),
        Column("weights", array_of(FLOAT), "Similarity of each neighbour."),
        Column("rated", array_of(STRING), "Of a user: the rated items."),
        Column("deviations", array_of(FLOAT), "How far each rating is from its level."),
        Column("rule", STRING, "How neighbours are combined, as JSON; the same in all rows."),
    ),
    key=("model_id", "side", "id"),
    writer="spark",
    partition_by=("model_id",),
    constraints={
        "parallel": "cardinality(neighbours) = cardinality(weights)",
        "rated": "cardinality(rated) = cardinality(deviations)",
    },
)

RECOMMENDATIONS = Table(
    name="recommendations",
    purpose="Published: one list per eligible user. Read the run that `publications` names.",
    columns=(
        RUN_ID,
        PLACEMENT,
        USER_ID,
        Column("items", RECOMMENDED_ITEMS, "The list, best first."),
        SHORT_REASON,
        SCHEMA_VERSION,
    ),
    key=("run_id", "placement", "user_id"),
    writer="spark",
    partition_by=("run_id",),
)

SIMILAR_ITEMS = Table(
    name="similar_items",
    purpose="Published: for every item of the run, the items most like it.",
    columns=(
        RUN_ID,
        PLACEMENT,
        ITEM_ID,
        Column("items", RECOMMENDED_ITEMS, "The list, best first."),
        SHORT_REASON,
        SCHEMA_VERSION,
    ),
    key=("run_id", "placement", "item_id"),
    writer="spark",
    partition_by=("run_id",),
)

POPULAR_ITEMS = Table(
    name="popular_items",
    purpose="Published: the most popular items per segment, for users without a list.",
    columns=(
        RUN_ID,
        PLACEMENT,
        Column("segment", STRING, "Group of users the list is for; `all` = everybody."),
        Column("items", RECOMMENDED_ITEMS, "The list, best first."),
        SHORT_REASON,
        SCHEMA_VERSION,
    ),
    key=("run_id", "placement", "segment"),
    writer="spark",
    partition_by=("run_id",),
)

METRICS = Table(
    name="metrics",
    purpose="One figure each: of a model on the holdout, of a comparison, of a list check.",
    columns=(
        RUN_ID,
        Column("subject", STRING, "What was measured: a contender, `lists` or `snapshot`."),
        Column(
            "protocol", STRING, "How: split and its parameters, `list_checks`, `churn` or `drift`."
        ),
        Column("metric", STRING, "Name of the figure, such as `ndcg@10`."),
        Column(
            "versus",
            STRING,
            "Contender it is the difference to; of `churn` and `drift` what it is compared with; empty = "
            "the figure itself.",
        ),
        Column("value", DOUBLE, "The figure.", True),
        Column("low", DOUBLE, "Lower end of its bootstrap interval.", True),
        Column("high", DOUBLE, "Upper end of its bootstrap interval.", True),
        Column("users", LONG, "Users it is the mean over.", True),
        Column(
            "slice",
            STRING,
            "Part of the users or of the held-out items it is about, such as `activity=low`; null or empty = "
            "all.",
            True,
        ),
    ),
    key=("run_id", "subject", "protocol", "metric", "versus", "slice"),
    writer="driver",
)

USER_METRICS = Table(
    name="user_metrics",
    purpose=(
        "What every contender came to for every user it was judged on: the list, what became of the "
        "held-out items, the figures. Another mean of them needs no other fit."
    ),
    columns=(
        RUN_ID,
        Column("subject", STRING, "Contender that was judged."),
        Column("fold", STRING, "Fold of the protocol; `holdout` for a night."),
        USER_ID,
        Column("user_pos", INT, "Position of the user in this run."),
        Column("trained", INT, "Likings of the user that were learnt from."),
        Column("items", array_of(INT), "Positions of the items listed, best first."),
        Column("personal", INT, "How many of them the model itself put there, not the fallback."),
        Column("candidates", INT, "Items that could have been listed."),
        Column("scored", INT, "Those of them that the model has a score of."),
        Column(
            "targets",
            array_of(
                struct_of(
                    Column("item_pos", INT, "Position of a held-out item."),
                    Column("liked", BOOLEAN, "Whether it counts as a liking."),
                    Column("value", FLOAT, "Its value; null = none to be learnt.", True),
                    Column(
                        "score", DOUBLE, "What the model gave it; null = it has no score.", True
                    ),
                    Column("rank", INT, "Its place among the candidates, from 1; 0 = no score."),
                )
            ),
            "The held-out items of the user, in order of position.",
        ),
        Column("values", map_of(DOUBLE), "Figures of this user by name, as `ndcg@10`."),
    ),
    key=("run_id", "subject", "fold", "user_id"),
    writer="spark",
    partition_by=("run_id", "subject", "fold"),
)

PUBLICATIONS = Table(
    name="publications",
    purpose="History of the pointer. The last row's run_id is live, for all published tables at once.",
    columns=(
        Column("sequence", LONG, "1, 2, 3, … without a gap."),
        Column("run_id", STRING, "The run that is live from this row on."),
        Column("action", STRING, "`publish` or `rollback`."),
        Column("as_of", DATE, "The live run's as_of."),
        Column("previous_run_id", STRING, "The run that was live before.", True),
        Column("bad_run_id", STRING, "Run declared bad by this row, never live again.", True),
        Column("fence", LONG, "Fencing number of the lease it was written under."),
        Column("published_at", TIMESTAMP, "When the pointer moved."),
    ),
    key=("sequence",),
    writer="driver",
    constraints={"action": "action IN ('publish', 'rollback')", "sequence": "sequence >= 1"},
)

RUNS = Table(
    name="runs",
    purpose="The ledger: how every attempt at every step of a run began and ended.",
    columns=(
        Column(
            "run_id",
            STRING,
            "Run that was worked on; `load-<load_id>` for a load, `maintain-<day>` for maintenance.",
        ),
        Column(
            "step",
            STRING,
            "Verb: ingest, redrive, prepare, train, recommend, evaluate, publish, export, rollback, maintain.",
        ),
        Column("attempt", INT, "1 for the first try."),
        Column("state", STRING, "`running`, `done`, `refused` or `failed`; one row each."),
        Column("as_of", DATE, "Everything before its 00:00 UTC is known.", True),
        Column("inputs", STRING, "What was read: load ids or the run's inputs, as JSON."),
        Column("rows_in", LONG, "Rows read.", True),
        Column("rows_out", LONG, "Rows written.", True),
        Column("rejected", LONG, "Rows refused.", True),
        Column("configuration_hash", STRING, "Hash of the settings that decide the result."),
        Column("configuration", STRING, "Those settings as JSON."),
        Column("code_version", STRING, "Release and source hash of the code."),
        Column("seconds", DOUBLE, "Wall time of the attempt.", True),
        Column(
            "facts", STRING, "What the step found and chose, as JSON; when running, what on.", True
        ),
        Column("reason", STRING, "Why it was refused or failed.", True),
        Column("at", TIMESTAMP, "When the row was written."),
    ),
    key=("run_id", "step", "attempt", "state"),
    writer="driver",
    constraints={"state": "state IN ('running', 'done', 'refused', 'failed')"},
)

TABLES: tuple[Table, ...] = (
    EVENTS,
    LOADS,
    REJECTED_EVENTS,
    ITEMS,
    USERS,
    INTERACTIONS,
    SNAPSHOT_USERS,
    SNAPSHOT_ITEMS,
    MODELS,
    USER_FACTORS,
    ITEM_FACTORS,
    ITEM_WEIGHTS,
    USER_WEIGHTS,
    RANKINGS,
    MIXTURES,
    RATED_NEIGHBOURS,
    RECOMMENDATIONS,
    SIMILAR_ITEMS,
    POPULAR_ITEMS,
    METRICS,
    USER_METRICS,
    PUBLICATIONS,
    RUNS,
)
