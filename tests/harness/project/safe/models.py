# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table for each library and kind of writer, and the plaintexts that were meant to be in them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from writers import KINDS, Kind

SECRETS = ("secret", "other")


class Twin(models.Model):
    """What was written to one value, oldest first: the last is what an application must read."""

    place = models.CharField(max_length=80)
    row = models.IntegerField()
    attribute = models.CharField(max_length=20)
    history = models.JSONField()


def column_of(model: type[models.Model], attribute: str) -> str:
    """The column, and the field's name, that holds what an attribute shows."""
    return f"_{attribute}_encrypted" if hasattr(model, "manager") else attribute


def in_a_field(library: Any, kind: Kind) -> dict[str, Any]:
    """The library's own field, that reads as the kind of writer says if it cannot decrypt."""
    return {name: answering(library.field(), kind) for name in SECRETS}


def answering(field: Any, kind: Kind) -> Any:
    plain = type(field)
    if kind.answer is None:
        return field

    def from_db_value(self: Any, value: Any, *words: Any) -> Any:
        if value is None:
            return None
        try:
            read = plain.from_db_value(self, value, *words)
        except Exception:
            return kind.answer(value)
        return kind.answer(value) if read == value else read

    field.__class__ = type(plain.__name__, (plain,), {"from_db_value": from_db_value})
    return field


def by_a_property(library: Any, kind: Kind) -> dict[str, Any]:
    """The example's manager behind a property, as its models have it."""
    from core.encryption import EncryptionManager

    def attribute(column: str) -> property:
        def read(self: Any) -> Any:
            stored = getattr(self, column)
            value = EncryptionManager.decrypt(stored)
            return kind.answer(stored) if value is None and stored and kind.answer else value

        return property(read, lambda self, value: setattr(self, column, EncryptionManager.encrypt(value)))

    def flaw(self: Any) -> str | None:
        return None if EncryptionManager.decrypt(self._other_encrypted) else "missing"

    columns = {f"_{name}_encrypted": library.field() for name in SECRETS} | {"flaw": property(flaw)}
    return {**columns, **{name: attribute(f"_{name}_encrypted") for name in SECRETS}, "manager": EncryptionManager}


def make(library: Any, kind: Kind) -> type[models.Model]:
    members = (by_a_property if library.is_example else in_a_field)(library, kind)
    name = f"{library.name}_{kind.name}"
    members |= {"notes": models.TextField(default=""), "__module__": __name__}
    members["Meta"] = type("Meta", (), {"db_table": name, "app_label": "safe"})
    return type(name.title().replace("_", ""), (models.Model,), members)


MODELS = [(make(library, kind), kind) for library in settings.LIBRARIES for kind in KINDS]
for model, _ in MODELS:
    globals()[model.__name__] = model
