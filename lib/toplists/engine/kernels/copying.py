"""Copying bytes from one array to another as C does.

A loop over bytes takes a nanosecond for each; what is compiled of a slice assignment looks at shapes first, which takes
longer than copying a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

_cgutils: Any = cgutils  # it is without types


@intrinsic
def _copy(_: Any, target: Any, at: Any, values: Any, first: Any, count: Any) -> Any:
    """Copy bytes; nothing looks whether there is room."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(array: int, place: int) -> Any:
            kind = signature.args[array]
            made = context.make_array(kind)(context, builder, arguments[array])
            inner = context.cast(builder, arguments[place], signature.args[place], types.intp)
            return _cgutils.get_item_pointer(context, builder, kind, made, [inner])

        size = context.cast(builder, arguments[4], signature.args[4], types.intp)
        _cgutils.raw_memcpy(builder, address(0, 1), address(2, 3), size, 1)
        return context.get_dummy_value()

    return types.void(target, at, values, first, count), generate


copy_bytes: Callable[..., None] = _copy
"""Called as `copy_bytes(target, at, values, first, count)`, uint8 both: numba gives it the first argument."""
