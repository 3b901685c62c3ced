"""CRC-32 of many texts at once, as `zlib.crc32` computes it.

Ross N. Williams, "A Painless Guide to CRC Error Detection Algorithms" (1993), section 11: a byte at a time out of a
table, for the reflected polynomial.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled

_POLYNOMIAL = np.uint32(0xEDB88320)
_ALL = np.uint32(0xFFFFFFFF)


def _of_bytes() -> npt.NDArray[np.uint32]:
    """What each byte alone makes of a register of zeros."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


_TABLE = _of_bytes()


def checksums(
    values: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """The CRC-32 of each text: uint32[n].

    Args:
        values: uint8[…], read-only, the texts one behind the other.
        offsets: int64[n + 1], read-only, where each begins and ends.
    """
    found = np.empty(len(offsets) - 1, np.uint32)
    _sum(values, offsets, _TABLE, found)
    return found


@compiled
def _sum(
    values: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    found: npt.NDArray[np.uint32],
) -> None:
    for row in range(len(found)):
        register = _ALL
        for place in range(offsets[row], offsets[row + 1]):
            byte = (register ^ np.uint32(values[place])) & np.uint32(0xFF)
            register = table[byte] ^ (register >> np.uint32(8))
        found[row] = register ^ _ALL
