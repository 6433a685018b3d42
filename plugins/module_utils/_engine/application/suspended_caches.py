# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's caches while our code reads the application's attributes: what is stored is read, and no cache keeps it.

An attribute that caches its value would show that of another process, or of an instance without a row, or keep a text
that a round trip tried.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .application_errors import APPLICATION_ERRORS


@contextlib.contextmanager
def suspended_caches() -> Iterator[None]:
    """Have every cache of this thread find nothing and keep nothing while the block runs."""
    from django.core.cache import caches

    with contextlib.ExitStack() as until_end:
        for alias in caches.settings:
            with contextlib.suppress(*APPLICATION_ERRORS):  # a cache that cannot be used keeps nothing
                until_end.enter_context(_suspended(caches, alias))
        yield


@contextlib.contextmanager
def _suspended(caches: Any, alias: str) -> Iterator[None]:
    from django.core.cache.backends.dummy import DummyCache

    cache = caches[alias]
    own_class = type(cache)
    try:
        cache.__class__ = DummyCache  # a module may hold this object
    except TypeError:  # its class has slots, or is not written in Python
        caches[alias] = DummyCache("", {})
    try:
        yield
    finally:
        if caches[alias] is cache:
            cache.__class__ = own_class
        else:
            caches[alias] = cache
