"""Asking for memory ahead of its use.

The rows that an entry's index refers to lie anywhere; the processor cannot guess which comes next, but
the indices say. Without this a pass over 20 million entries waits for memory most of its time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

AHEAD = 12
"""Entries between asking for a row and using it: about as long as memory takes."""

LINE = 16
"""Floats of a cache line."""


_cgutils: Any = cgutils  # it is without types


@intrinsic
def _ask_for(_: Any, array: Any, row: Any, column: Any) -> Any:
    """Start to load the cache line of `array[row, column]`; the array is not read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        target = context.make_array(kind)(context, builder, arguments[0])
        place = [
            context.cast(builder, argument, given, types.intp)
            for argument, given in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        address = _cgutils.get_item_pointer(context, builder, kind, target, place)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = _cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0",
        )
        # For reading; keep in all caches; data.
        hints = [ir.Constant(number, hint) for hint in (0, 3, 1)]
        builder.call(function, [builder.bitcast(address, byte), *hints])
        return context.get_dummy_value()

    return types.void(array, row, column), generate


ask_for: Callable[..., None] = _ask_for
"""Called as `ask_for(array, row, column)`: numba gives it the first argument."""
