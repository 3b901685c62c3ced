"""Arrow list arrays: new values under the same lengths, and values left out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def with_values(lists: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """Lists of the same lengths with other values; `values` replaces `lists.flatten()`."""
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values)


def without_nulls(lists: pa.ListArray, keep: pa.Array, values: pa.Array) -> pa.ListArray:
    """Lists of those `values` for which `keep` is not null; both replace `lists.flatten()`."""
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    valid = keep.is_valid().to_numpy(zero_copy_only=False)
    before = np.concatenate(([0], np.cumsum(valid)))
    ends = np.concatenate(([0], np.cumsum(lengths)))
    offsets = before[ends].astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values.filter(keep.is_valid()))
