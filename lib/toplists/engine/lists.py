"""Arrow list arrays: values cut into lists of given lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def lists_of(lengths: npt.NDArray[np.integer], values: pa.Array) -> pa.ListArray:
    """Consecutive `values` as lists of the given `lengths`."""
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values)
