# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of this machine's clock for the record, and compare other clocks with it.

See PCI DSS 10.6 and adjtimex(2).
"""

from __future__ import annotations

import ctypes
import struct
from typing import TypedDict

TIMEX = "@I4li"  # modes, offset, freq, maxerror, esterror, status: the beginning of struct timex
ROOM = 512  # bytes; the whole of it takes 208
ERROR = 5  # TIME_ERROR: the clock is not synchronized
NANOSECONDS = 0x2000  # STA_NANO: the offset is not in microseconds


def skew(sent: float, began: float, ended: float, received: float) -> float:
    """Return by how many seconds another machine's clock is at least ahead of this one's; 0.0 if they may agree.

    ``sent`` and ``received`` are this machine's times around a call, ``began`` and ``ended`` the other's within it. The
    true skew is between ``ended - received`` and ``began - sent``, so neither the duration of the call nor that of its
    transport counts.
    """
    least, most = ended - received, began - sent
    return least if least > 0 else min(most, 0.0)


class ClockState(TypedDict, total=False):
    """The state of the clock: whether it is synchronized, and its offset in milliseconds if it is."""

    synced: bool
    offset_ms: float


def read_clock() -> ClockState | None:
    """Return the state of this machine's clock, or None if the system does not report it."""
    buffer = ctypes.create_string_buffer(ROOM)  # with modes 0 nothing is set
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    if state == ERROR:
        return {"synced": False}
    _, offset, _, _, _, status = struct.unpack_from(TIMEX, buffer)
    return {"synced": True, "offset_ms": round(offset / (1e6 if status & NANOSECONDS else 1e3), 3)}
