"""How kernels are compiled, and when they are compiled anew.

By itself numba compiles a function again when the function's own file has changed. What a kernel calls
in another file is compiled into it, though: after a change there it would go on as before, with other
rules than the rest. Kernels are kept where numba keeps functions, until any of their files changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from numba import config, njit
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

_FOLDER = Path(__file__).parent


class _OfKernels:
    """Of numba's locators, what is different for kernels."""

    @classmethod
    def from_function(cls, py_func: Callable[..., object], py_file: str) -> _OfKernels | None:
        """The locator of a kernel; `None` for other functions, and where nothing can be written."""
        if Path(py_file).parent != _FOLDER:
            return None
        locator: _OfKernels | None = super().from_function(py_func, py_file)  # type: ignore[misc]  # numba's
        return locator

    def get_source_stamp(self) -> str:
        """What all kernels look like."""
        return _stamp()

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart, and those of one release from another's.

        Numba reads an index before it knows whose it is. One that names a type which has moved since, or is
        no more, cannot be read.
        """
        line: str = super().get_disambiguator()  # type: ignore[misc]  # numba's
        return f"{line}-{_stamp()[:12]}"


class Provided(_OfKernels, UserProvidedCacheLocator):
    """In the folder that NUMBA_CACHE_DIR names."""


class InTree(_OfKernels, InTreeCacheLocator):
    """Beside the files."""


class UserWide(_OfKernels, UserWideCacheLocator):
    """In the user's cache, where the files' folder cannot be written to."""


@cache
def _stamp() -> str:
    digest = hashlib.sha256()
    for file in sorted(_FOLDER.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


_OURS = [f"{__name__}.{locator.__name__}" for locator in (Provided, InTree, UserWide)]
_NUMBAS = ["UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator"]
_LOCATORS = ",".join((*_OURS, *_NUMBAS, "IPythonCacheLocator", "ZipCacheLocator"))
setattr(config, "CACHE_LOCATOR_CLASSES", _LOCATORS)  # noqa: B010 - numba sets its attributes likewise

_FAST = {"contract", "reassoc", "nsz"}

compiled = njit(cache=True, nogil=True)
"""Compiles a kernel that computes what it says, operation by operation."""

dividing = njit(cache=True, nogil=True, error_model="numpy")
"""Compiles one that divides by 0 as by any other number, instead of looking out for it, so that it is vectorized."""

summing = njit(cache=True, nogil=True, fastmath=_FAST)
"""Compiles one whose sums may be reordered, which is what vectorizes them; NaN and infinity stay."""

inlined = njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
"""As `summing`, copied into whoever calls it."""
