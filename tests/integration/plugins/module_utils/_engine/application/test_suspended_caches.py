# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.suspended_caches import (
    suspended_caches,
)
from django.core.cache import cache, caches
from django.core.cache.backends.locmem import LocMemCache


class Slotted(LocMemCache):
    """A cache whose class cannot be exchanged."""

    @property
    def __class__(self) -> type:
        return Slotted

    @__class__.setter
    def __class__(self, other: type) -> None:
        raise TypeError


@pytest.fixture(params=[LocMemCache, Slotted])
def held(django: Any, request: pytest.FixtureRequest) -> Any:
    """The default cache, as a module may hold it."""
    before = caches["default"]
    caches["default"] = request.param("held", {})
    yield caches["default"]
    caches["default"].clear()
    caches["default"] = before


def test_nothing_is_found_and_nothing_kept(held: Any) -> None:
    cache.set("name", "cached")
    with suspended_caches():
        assert cache.get_or_set("name", lambda: "stored") == "stored"
        cache.set("other", "tried")
        with suspended_caches():
            assert cache.get("name") is None
        assert cache.get("other") is None
    assert (cache.get("name"), cache.get("other")) == ("cached", None)
    assert caches["default"] is held


@pytest.mark.parametrize("held", [LocMemCache], indirect=True)
def test_an_object_that_a_module_holds_is_suspended_too(held: Any) -> None:
    held.set("name", "cached")
    with suspended_caches():
        assert held.get("name") is None
    assert held.get("name") == "cached"


def test_caches_are_back_after_an_error(held: Any) -> None:
    cache.set("name", "cached")
    with pytest.raises(ZeroDivisionError), suspended_caches():
        _ = 1 / 0
    assert cache.get("name") == "cached"
