# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional libraries in a process of the application, whose warning filters may turn warnings into errors."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Import or call a library as if the application had set no warning filter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
