# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of an application that uses one library: makes its table, reads its rows, or is rotated by the engine.

    python worker.py {table|fill|read|documents|salts|rotate} HOST DATABASE old|new VECTOR

Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

# django_pgcrypto_fields.json does not say its models.
PGCRYPTO_MODELS = """
from django.db import models
from pgcrypto import fields
class P(models.Model):
    name = fields.TextPGPSymmetricKeyField(null=True)
    n = fields.IntegerPGPSymmetricKeyField(null=True)
    dg = fields.TextDigestField(original="name", null=True)
    hm = fields.TextHMACField(original="name", null=True)
    class Meta: app_label='vapp'; db_table='v_pgc'
"""


def start(host: str, database: str, settings: dict[str, Any], source: str) -> types.ModuleType:
    """Django with the vector's settings, and its models as the application ``vapp``."""
    import django
    from django.conf import settings as configured

    connection = {"ENGINE": "django.db.backends.postgresql", "NAME": database, "USER": "postgres", "HOST": host}
    package, models = types.ModuleType("vapp"), types.ModuleType("vapp.models")
    package.__path__ = []  # type: ignore[attr-defined]
    package.__file__ = __file__
    sys.modules.update({"vapp": package, "vapp.models": models})
    from django.apps import AppConfig

    package.Config = type("Config", (AppConfig,), {"name": "vapp", "path": "/"})  # type: ignore[attr-defined]
    configured.configure(
        DATABASES={"default": connection},
        INSTALLED_APPS=["vapp.Config"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        **settings,
    )
    sys.modules["vapp.apps"] = package
    exec_later(package, models, source)
    django.setup()
    return models


def exec_later(package: types.ModuleType, models: types.ModuleType, source: str) -> None:
    """The models are made when Django imports them: fields read the settings then."""

    def import_models(self: Any) -> None:
        from django.apps import apps

        exec(source, models.__dict__)
        self.models_module = models
        self.models = apps.all_models["vapp"]

    package.Config.import_models = import_models  # type: ignore[attr-defined]


def model_of(models: types.ModuleType) -> Any:
    from django.apps import apps

    return next(iter(apps.get_app_config("vapp").get_models()))


def make_table(models: types.ModuleType, vector: dict[str, Any]) -> None:
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(model_of(models))
    rows: dict[int, dict[str, Any]] = {}
    for row in vector.get("rows", ()):
        rows.setdefault(row["pk"], {})[row["field"]] = row["stored_old"]
    names = [name for name, *_ in vector["columns"]]
    for row in vector.get("stored", ()):
        if len(row) == len(names):
            rows[row[0]] = dict(zip(names[1:], row[1:]))
    with connection.cursor() as cursor:
        for pk, values in rows.items():
            names = ", ".join(f'"{name}"' for name in ("id", *values))
            stored = [decoded(value) for value in values.values()]
            table = model_of(models)._meta.db_table
            cursor.execute(
                f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * (len(stored) + 1))})", [pk, *stored]
            )


# What a JSON field may hold, beside the vectors' own rows.
DOCUMENTS = ({"card": "4111 \u00e9", "tags": ["a", {"deep": None}]}, ["x" * 40, 1.5], "a text", 7)


def fill(models: types.ModuleType) -> None:
    """One row for each document, written by the library into its JSON field."""
    for number, document in enumerate(DOCUMENTS, start=100):
        model_of(models)._default_manager.create(pk=number, data=document)


def documents(models: types.ModuleType) -> list[str]:
    """What the library reads there. On this Django and driver that is the adapter's text, with a token in it, which the
    library's own cipher opens here."""
    import re

    from mirage.crypto import Crypto

    read = [str(instance.data) for instance in model_of(models)._default_manager.filter(pk__gte=100).order_by("pk")]
    return [re.sub(r"(?<=\")[\w=-]{22,}(?=\\*\")", lambda token: Crypto().decrypt(token[0]), each) for each in read]


def decoded(value: Any) -> Any:
    import base64

    return base64.b64decode(value["__bytes__"]) if isinstance(value, dict) and "__bytes__" in value else value


def read(models: types.ModuleType) -> dict[str, Any]:
    """Every field of every row as the library gives it."""
    model = model_of(models)
    return {
        f"{instance.pk}.{field.name}": shown(getattr(instance, field.name))
        for instance in model._default_manager.order_by("pk")
        for field in model._meta.concrete_fields
    }


def shown(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return {"__bytes__": bytes(value).hex()}
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else str(value)


def rotate(vector: dict[str, Any], which: str) -> dict[str, Any]:
    """The engine, with zero configuration: it finds the targets and their schemes by itself. An application that has
    the new settings already is on its way back."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
        ApplicationSettings,
        Keyring,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
        survey_findings,
        target_survey,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import refuse
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census, census_findings
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.journal import Journal
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import Rewriting, Work
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.table_passes import reencrypt
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import Crew, Stop

    both = {**vector["settings_new"], **vector["settings_old"]}
    names = [name for name, value in both.items() if isinstance(value, (str, list)) and value]
    old, new = (
        KeySet({name: text(vector[which][name]) for name in names if name in vector[which]})
        for which in ("settings_old", "settings_new")
    )
    keyring = Keyring(
        schemes.parse("auto"), {"current": old, "pending": new}, ApplicationSettings(vector[f"settings_{which}"].get)
    )
    destination = {"old": "pending", "new": "current"}[which]
    database = Database("default", "vector")
    survey = target_survey.find(database, "auto", (), keyring)
    refuse(survey_findings.findings_of([survey], keyring, "the vector"))
    targets = survey.targets
    census_findings.refuse_unreadable(census.Census(database, targets, keyring, b"k").take())
    work = Work()
    Journal(database, keyring, targets).prepare()
    rewriting = Rewriting(targets, keyring, destination)
    crew = Crew(1, rewriting.batches, database.another, Stop())
    reencrypt(database, rewriting, crew, work)
    after = census.Census(database, targets, keyring, b"k").take()
    return {
        "targets": {target.column: target.scheme for target in targets},
        "values": dict(work.values),
        "classes": {tally.target.column: dict(tally.classes) for tally in after},
    }


def salts() -> dict[str, Any]:
    """The salt of every field that says what it hashes, as the engine asks for it by the field's name."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import model_fields

    there = model_fields.ModelTables("default")
    return {name: model_fields.salt_of(name) for name in model_fields.hash_columns(there, ()).values()}


def text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)


def main() -> None:
    what, host, database, which, path = sys.argv[1:]
    vector = json.loads(Path(path).read_text(encoding="utf-8"))
    for settings in ("settings_old", "settings_new"):
        vector[settings] = {name: decoded(value) for name, value in vector[settings].items()}
    models = start(host, database, vector[f"settings_{which}"], vector.get("models", PGCRYPTO_MODELS))
    result: Any = None
    if what == "table":
        make_table(models, vector)
    elif what == "fill":
        fill(models)
    elif what == "documents":
        result = documents(models)
    elif what == "salts":
        result = salts()
    elif what == "read":
        result = read(models)
    else:
        result = rotate(vector, which)
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
