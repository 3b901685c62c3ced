"""The data of the ALS benchmarks: a snapshot as `prepare` leaves it, and the same as plain arrays."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import scipy.sparse as sp

_FILES = 8
_HELD_OUT = 0.02
_SEED = 1
# A user has no item twice, and the most active run out of what they like: some events stay unmade.
_SURPLUS = 1.056
_USERS_PER_RATING, _ITEMS = 7e-3, 25_000


@dataclass(frozen=True)
class Snapshot:
    """Interactions by position, in Parquet files under `folder`: `users` times `items`."""

    folder: Path
    users: int
    items: int
    ratings: int

    @property
    def files(self) -> tuple[str, ...]:
        """Files of what `build_blocks` takes."""
        return tuple(sorted(map(str, self.folder.glob("interactions-*.parquet"))))

    def matrix(self, split: str) -> sp.csr_array:
        """The values of one split: float32[users, items]."""
        rows = pds.dataset(list(self.files)).to_table(
            columns=["user_pos", "item_pos", "value"], filter=pc.field("split") == split
        )
        users, items = rows["user_pos"].to_numpy(), rows["item_pos"].to_numpy()
        values = rows["value"].to_numpy().astype(np.float32)
        matrix = sp.csr_array((values, (users, items)), shape=(self.users, self.items))
        matrix.sort_indices()
        return matrix

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """The snapshot in `folder`."""
        return cls(folder, **json.loads((folder / "sizes.json").read_text()))


def generated(ratings: float, root: Path, submit: Path, items: int = _ITEMS) -> Snapshot:
    """About so many made-up ratings; users grow with them, items do not.

    Args:
        ratings: Number of ratings.
        root: Where to keep them.
        submit: `spark-submit.sh`.
        items: Number of items.
    """
    folder = root / f"als-{ratings / 1e6:g}{f'-{items}' if items != _ITEMS else ''}"
    if (folder / "snapshot" / "sizes.json").exists():
        return Snapshot.open(folder / "snapshot")
    if not (folder / "last-day" / "_SUCCESS").exists():
        sizes = ("--events", str(_SURPLUS * ratings), "--users", str(_USERS_PER_RATING * ratings))
        command = [str(submit), "generate", *sizes, "--items", str(items), "--out", str(folder)]
        subprocess.run(command, check=True)
    rows = pds.dataset([pds.dataset(folder / name) for name in ("history", "last-day")])
    table = rows.to_table(columns=["user", "item", "rating"])
    write_snapshot(folder / "snapshot", table["user"], table["item"], table["rating"])
    return Snapshot.open(folder / "snapshot")


def goodbooks(source: Path, root: Path) -> Snapshot:
    """The ratings of goodbooks-10k, of repeated pairs the higher."""
    folder = root / "goodbooks"
    if not (folder / "sizes.json").exists():
        table = pq.read_table(source / "goodbooks" / "ratings.parquet")
        table = table.group_by(["user_id", "book_id"]).aggregate([("rating", "max")])
        users, items = (table[name].cast(pa.string()) for name in ("user_id", "book_id"))
        write_snapshot(folder, users, items, table["rating_max"])
    return Snapshot.open(folder)


def write_snapshot(
    folder: Path, users: pa.ChunkedArray, items: pa.ChunkedArray, values: pa.ChunkedArray
) -> None:
    """Write interactions, every one liked with weight 1, and both axes."""
    folder.mkdir(parents=True, exist_ok=True)
    held_out = np.random.default_rng(_SEED).random(len(values)) < _HELD_OUT
    positions: dict[str, npt.NDArray[np.int32]] = {}
    for name, ids in (("user", users), ("item", items)):
        encoded = ids.combine_chunks().dictionary_encode()
        order = pc.array_sort_indices(encoded.dictionary)
        place = np.empty(len(order), dtype=np.int32)
        place[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
        positions[name] = place[encoded.indices.to_numpy()]
        axis = {
            f"{name}_pos": np.arange(len(order), dtype=np.int32),
            f"{name}_id": encoded.dictionary.take(order),
            "size": np.bincount(positions[name]),
        }
        pq.write_table(pa.table(axis), folder / f"{name}s.parquet")
    stars = values.to_numpy().astype(np.float64)
    for number, own in enumerate(np.array_split(np.arange(len(stars)), _FILES)):
        rows = {
            "user_pos": positions["user"][own],
            "item_pos": positions["item"][own],
            "weight": np.ones(len(own), dtype=np.float32),
            "value": stars[own],
            "rating_weight": np.ones(len(own), dtype=np.float32),
            "split": pc.if_else(pa.array(held_out[own]), "holdout", "train"),
        }
        pq.write_table(pa.table(rows), folder / f"interactions-{number}.parquet")
    sizes = {f"{name}s": int(of.max()) + 1 for name, of in positions.items()}
    (folder / "sizes.json").write_text(json.dumps({**sizes, "ratings": len(stars)}))
