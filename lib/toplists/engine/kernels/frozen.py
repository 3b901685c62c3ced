"""Arrays as compiled code is given them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

ArrayT = TypeVar("ArrayT", bound=np.generic)


def frozen(array: npt.NDArray[ArrayT]) -> npt.NDArray[ArrayT]:
    """A read-only view: mapped files are read-only, and numba compiles once per kind of array."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
