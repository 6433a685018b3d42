# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The caches of an application that outlive its processes: no rotation rewrites what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IN_PROCESS = {"LocMemCache", "DummyCache"}  # of django.core.cache.backends: they end with the process
DATABASE = "DatabaseCache"
COLUMNS = ("cache_key", "value")  # of the table of such a cache: values are pickled, in base64
SESSION_COLUMNS = ("session_key", "session_data")  # of a table of django.contrib.sessions, which are signed
CLEAR_SESSIONS = (
    'manage.py shell -c "from importlib import import_module; from django.conf import settings; '
    'import_module(settings.SESSION_ENGINE).SessionStore.get_model_class().objects.all().delete()"'
)
# The kinds whose LOCATION is shown. That of a server may hold a password.
_PLACES = {DATABASE: "table", "FileBasedCache": "folder"}
_SESSIONS = ("django.contrib.sessions.backends.cache", "django.contrib.sessions.backends.cached_db")


@dataclass(frozen=True)
class LastingCache:
    """One cache: its alias, its kind in words, and whether Django's sessions are in it."""

    alias: str
    kind: str
    sessions: bool

    @property
    def advice(self) -> str:
        """Return how to clear the cache, and what that ends."""
        clear = f"""manage.py shell -c "from django.core.cache import caches; caches['{self.alias}'].clear()\""""
        effect = " The sessions are in it: everybody is logged out." if self.sessions else ""
        return f"Clear it after the switch: {clear}.{effect}"

    def as_fact(self) -> dict[str, str]:
        """Return the cache as the checklist shows it."""
        return {"alias": self.alias, "kind": self.kind, "advice": self.advice}


def lasting() -> list[LastingCache]:
    """The caches of CACHES that are not in the memory of a process, in their order."""
    return [
        LastingCache(alias, _kind(described), _has_sessions(alias))
        for alias, described in _described().items()
        if IN_PROCESS.isdisjoint(_classes(described))
    ]


def tables() -> set[str]:
    """The names of the tables of database caches."""
    databases = (cache for cache in _described().values() if DATABASE in _classes(cache))
    return {str(cache.get("LOCATION", "")) for cache in databases}


def _described() -> Mapping[str, Mapping[str, object]]:
    from django.conf import settings

    caches: Mapping[str, Mapping[str, object]] = settings.CACHES
    return caches


def _classes(described: Mapping[str, object]) -> list[str]:
    """The names of a backend's class and those it inherits from; only the first if it cannot be imported."""
    from django.utils.module_loading import import_string

    path = str(described.get("BACKEND", ""))
    try:
        return [ancestor.__name__ for ancestor in import_string(path).__mro__]
    except Exception:  # a package of the application may raise anything
        return [path.rpartition(".")[2]]


def _kind(described: Mapping[str, object]) -> str:
    classes = _classes(described)
    place = next((f", {word} {described.get('LOCATION')}" for name, word in _PLACES.items() if name in classes), "")
    return classes[0] + place


def _has_sessions(alias: str) -> bool:
    from django.apps import apps
    from django.conf import settings

    used = apps.is_installed("django.contrib.sessions") and settings.SESSION_ENGINE in _SESSIONS
    return bool(used and alias == settings.SESSION_CACHE_ALIAS)
