"""Outcomes of users as rows of the table `user_metrics`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.engine.kernels.outcomes import Outcomes

OUTCOME_ROWS = (
    "user_id string, user_pos int, trained int, items array<int>, personal int, candidates int, scored int, "
    "targets array<struct<item_pos: int, liked: boolean, value: float, score: double, rank: int>>, "
    "values map<string, double>"
)
READ_BACK = [
    *("user_id", "user_pos", "trained", "items", "personal", "candidates", "scored", "targets")
]
"""The columns that `Read` needs."""


class Users(NamedTuple):
    """Whose outcomes they are.

    `ids` string[users]; `positions` int32[users]; `trained` int32[users], likings learnt from.
    """

    ids: pa.StringArray
    positions: npt.NDArray[np.int32]
    trained: npt.NDArray[np.int32]


def to_rows(
    users: Users, outcomes: Outcomes, values: Mapping[str, npt.NDArray[np.float64]]
) -> pa.RecordBatch:
    """Rows of `OUTCOME_ROWS`; `values` are float64[users] by name, NaN where a user has none.

    Raises:
        ValueError: it was not counted how many candidates have a score.
    """
    if outcomes.scored is None:
        raise ValueError("rows say how many candidates have a score")
    listed = outcomes.lists >= 0
    targets = pa.StructArray.from_arrays(
        [
            pa.array(outcomes.items, pa.int32()),
            pa.array(outcomes.liked),
            _nullable(outcomes.values, pa.float32()),
            _nullable(outcomes.scores, pa.float64()),
            pa.array(outcomes.ranks.astype(np.int32)),
        ],
        names=["item_pos", "liked", "value", "score", "rank"],
    )
    numbers = (outcomes.personal, outcomes.candidates, outcomes.scored)
    personal, candidates, scored = (pa.array(one.astype(np.int32)) for one in numbers)
    columns = {
        "user_id": users.ids,
        "user_pos": pa.array(users.positions, pa.int32()),
        "trained": pa.array(users.trained, pa.int32()),
        "items": _lists(np.count_nonzero(listed, axis=1), pa.array(outcomes.lists[listed])),
        "personal": personal,
        "candidates": candidates,
        "scored": scored,
        "targets": _lists(np.diff(outcomes.indptr), targets),
        "values": _maps(values, len(outcomes.lists)),
    }
    return pa.RecordBatch.from_pydict(columns)


class Read(NamedTuple):
    """What rows say: whose outcomes, and which."""

    users: Users
    outcomes: Outcomes

    @classmethod
    def of(cls, rows: pa.Table, depth: int) -> Self:
        """The inverse of `to_rows`, without the values; lists are padded to at least `depth`."""
        users = Users(
            rows["user_id"].combine_chunks(),
            rows["user_pos"].to_numpy(),
            rows["trained"].to_numpy(),
        )
        lengths = _lengths(rows["items"])
        depth = max(depth, int(lengths.max(initial=0)))
        lists = np.full((rows.num_rows, depth), -1, dtype=np.int32)
        lists[np.arange(depth) < lengths[:, np.newaxis]] = pc.list_flatten(rows["items"]).to_numpy()
        targets = pc.list_flatten(rows["targets"]).combine_chunks()

        def numbers(name: str) -> npt.NDArray[np.floating]:
            field = pc.struct_field(targets, name)
            return np.asarray(field.to_numpy(zero_copy_only=False))

        return cls(
            users,
            Outcomes(
                lists=lists,
                indptr=np.concatenate(([0], np.cumsum(_lengths(rows["targets"])))),
                items=numbers("item_pos").astype(np.int32),
                liked=numbers("liked").astype(np.bool_),
                values=numbers("value").astype(np.float32),
                scores=numbers("score").astype(np.float64),
                ranks=numbers("rank").astype(np.int64),
                candidates=rows["candidates"].to_numpy().astype(np.int64),
                scored=rows["scored"].to_numpy().astype(np.int64),
                personal=rows["personal"].to_numpy().astype(np.int64),
            ),
        )


def _nullable(numbers: npt.NDArray[np.floating], kind: pa.DataType) -> pa.Array:
    return pa.array(numbers, kind, mask=np.isnan(numbers))


def _lists(lengths: npt.NDArray[np.integer], entries: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(_offsets(lengths), entries)


def _maps(values: Mapping[str, npt.NDArray[np.float64]], users: int) -> pa.MapArray:
    """By user, then in the order of the names; what a user has not is not there."""
    table = np.column_stack([*values.values()]) if values else np.empty((users, 0))
    known = ~np.isnan(table)
    names = pa.array([*values], pa.string()).take(pa.array(np.nonzero(known)[1]))
    offsets = _offsets(np.count_nonzero(known, axis=1))
    return pa.MapArray.from_arrays(offsets, names, pa.array(table[known]))


def _offsets(lengths: npt.NDArray[np.integer]) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))


def _lengths(lists: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists).to_numpy(), dtype=np.int64)
