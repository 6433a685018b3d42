# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Password hashers that are not part of Django: the hash they make, and whether they accept a password.

A key may go into what they make, as a pepper. Those of Django use none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any, Protocol


class PasswordHasher(Protocol):
    """A password hasher, as Django defines it."""

    def salt(self) -> str:
        """A fresh salt."""

    def encode(self, password: str, salt: str) -> str:
        """The hash of a password."""

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether a hash is that of the password."""


def own() -> dict[str, PasswordHasher]:
    """These hashers, by the algorithm that their hashes begin with: Django asks the one of it."""
    with contextlib.suppress(Exception):  # a setting that Django itself refuses: then no user can log in
        from django.contrib.auth import hashers

        by_algorithm = hashers.get_hashers_by_algorithm()
        return {name: hasher for name, hasher in by_algorithm.items() if type(hasher).__module__ != hashers.__name__}
    return {}


def path_of(hasher: Any) -> str:
    """Its class, as a person finds it."""
    return f"{type(hasher).__module__}.{type(hasher).__qualname__}"


def encoded(password: str, algorithms: Collection[str]) -> dict[str, str]:
    """The hash of a password by each algorithm, but those whose hasher does not accept it right after."""
    hashes = {}
    for name, hasher in own().items():
        with contextlib.suppress(Exception):  # the application's own code
            encoded_password = hasher.encode(password, hasher.salt()) if name in algorithms else None
            if encoded_password and hasher.verify(password, encoded_password):
                hashes[name] = str(encoded_password)
    return hashes


def accepted(password: str, hashes: Mapping[str, str]) -> set[str]:
    """Return the algorithms by whose hash the password is right in this process."""
    algorithms = set()
    for name, hasher in own().items():
        with contextlib.suppress(Exception):
            if name in hashes and hasher.verify(password, hashes[name]):
                algorithms.add(name)
    return algorithms


def columns() -> set[tuple[str, str]]:
    """The table and column in which each model of users keeps its passwords."""
    from django.apps import apps
    from django.contrib.auth.base_user import AbstractBaseUser

    from .model_fields import column_of, table_of

    users = [model._meta for model in apps.get_models() if issubclass(model, AbstractBaseUser)]
    fields = [field for meta in users for field in meta.concrete_fields if field.name == "password"]
    return {(table_of(field.model), column_of(field)) for field in fields}
