# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of the application.

    python work.py seed ROWS      fills the tables and their twins
    python work.py again          writes every value as its twin has it, under the keys of now
    python work.py read           the oracle: prints what it cannot read, as JSON
    python work.py write SECONDS  a writer, with a pause between its turns; ends when its input is closed

A turn is one transaction: a row of one table, and its twin if a new value was meant.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import os
import select
import sys
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "harness_settings"
import django

django.setup()
from django.db import Error, connection, transaction
from safe.models import MODELS, SECRETS, Twin, column_of


def table_of(model: Any) -> str:
    return str(model._meta.db_table)


def seed(rows: int) -> None:
    for model, _ in MODELS:
        for pk in range(1, rows + 1):
            values = {name: f"{name} {pk} of {table_of(model)} é" for name in SECRETS}
            row = model(pk=pk)
            for name, value in values.items():
                setattr(row, name, value)
                Twin.objects.create(place=table_of(model), row=pk, attribute=name, history=[value])
            row.save(force_insert=True)


def again() -> None:
    by_table = {table_of(model): model for model, _ in MODELS}
    for twin in Twin.objects.all():
        model = by_table[twin.place]
        row = model.objects.only("pk").get(pk=twin.row)
        setattr(row, twin.attribute, twin.history[-1])
        row.save(update_fields=[column_of(model, twin.attribute)])


def read() -> list[dict[str, Any]]:
    """Every value that is not what its twin says, and how it differs."""
    by_table = {table_of(model): model for model, _ in MODELS}
    found = []
    for twin in Twin.objects.order_by("place", "row", "attribute"):
        model = by_table[twin.place]
        reads = what_is_read(model, twin)
        if reads != "well":
            name = f"{twin.place}.{column_of(model, twin.attribute)}:{twin.row}"
            found.append({"row": name, "reads": reads})
    return found


def what_is_read(model: Any, twin: Twin) -> str:
    try:
        value = getattr(model.objects.only("pk").get(pk=twin.row), twin.attribute)
    except Exception as exc:
        return f"raises {type(exc).__name__}"
    if value == twin.history[-1]:
        return "well"
    if value in twin.history:
        return "an older value"
    if value is None or (isinstance(value, str) and value.startswith("[")):
        return str(value)
    return "a token, or other text"


def write(seconds: float) -> None:
    rows = list(MODELS[0][0].objects.values_list("pk", flat=True).order_by("pk"))
    kept = {table_of(model): {row.pk: row for row in model.objects.all()} for model, _ in MODELS}
    done: collections.Counter[str] = collections.Counter()
    print("begun", flush=True)
    for number in itertools.count():
        for model, kind in MODELS:
            if select.select([sys.stdin], [], [], seconds)[0]:
                print(json.dumps(done), flush=True)
                return
            # The first row is nobody's: that it changes means that the engine is at work.
            pk = rows[1 + number % (len(rows) - 1)]
            done[f"{kind.name} {turn(model, kind, pk, number, kept[table_of(model)])}"] += 1


def turn(model: Any, kind: Any, pk: int, number: int, kept: dict[int, Any]) -> str:
    """Write one row as the kind does; what became of it."""
    try:
        with transaction.atomic():
            row, options = kind.load(model, pk, kept)
            row.notes = f"turn {number}"
            if not kind.quiet or number % 3 == 0:
                meant(row, "secret", f"turn {number} of {table_of(model)} é")
            row.save(**options)
    except Error as exc:
        with contextlib.suppress(Error):
            connection.close()
        return f"refused {getattr(exc.__cause__, 'pgcode', None)}"
    except Exception:
        return "raised"
    return "saved"


def meant(row: Any, attribute: str, value: str) -> None:
    setattr(row, attribute, value)
    twin = Twin.objects.get(place=table_of(type(row)), row=row.pk, attribute=attribute)
    twin.history.append(value)
    twin.save()


def main(what: str, *words: str) -> None:
    if what == "seed":
        seed(int(words[0]))
    elif what == "again":
        again()
    elif what == "write":
        write(float(words[0]))
    else:
        print("READ" + json.dumps(read()))


if __name__ == "__main__":
    main(*sys.argv[1:])
