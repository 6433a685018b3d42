# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn an unexpected exception into an error of the catalog."""

from __future__ import annotations

import errno
import sys

from .application import PythonPackage
from .base import RotationError
from .run import DiskFull, UnexpectedError


def as_catalog_error(exc: Exception) -> RotationError:
    """Return the error of the catalog that describes any exception."""
    if isinstance(exc, RotationError):
        return exc
    if isinstance(exc, ImportError):
        return PythonPackage(package=exc.name, python=sys.executable)
    return internal(exc)


def internal(exc: BaseException) -> RotationError:
    """An unexpected exception by its type and place: its text could hold a value."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "unknown" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    changed = "See the record for what was done."
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(error=exc.strerror, place=exc.filename or where, changed=changed)
    return UnexpectedError(error=type(exc).__name__, place=where, changed=changed)
