# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of the application: makes and fills its tables, reads them, or is rotated by the engine.

    python worker.py {fill|read|rotate} PROJECT [NEW_KEYS as a JSON file]

Prints one line of JSON after RESULT.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

ROWS = 30


def start(project: str) -> None:
    import django

    os.chdir(project)
    sys.path.insert(0, project)
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
    django.setup()


def texts(number: int) -> str:
    return f"Ada Lovelace {number}, 12 Rue de l'Été, telephone +44 20 7946 0{number:03}"


def models() -> list[tuple[Any, str]]:
    """Each model with the attribute by which the application reads and writes."""
    from django.apps import apps

    attributes = {"Note": "content", "Ordinary": "name"}
    return [(model, attributes[model.__name__]) for model in apps.get_app_config("notes").get_models()]


def fill() -> None:
    from django.db import connection

    for model, attribute in models():
        with connection.schema_editor() as editor:
            editor.create_model(model)
        for number in range(ROWS):
            instance = model(title=f"title {number}") if attribute == "content" else model()
            setattr(instance, attribute, texts(number))
            instance.save()


def read() -> dict[str, int]:
    """How many values of each column the application reads as they were written, and finds if it can search."""
    from notes.models import FORMAT

    found = {}
    for model, attribute in models():
        column = model._meta.get_field("payload" if attribute == "content" else "name_encrypted").column
        right = 0
        for number, instance in enumerate(model.objects.order_by("pk")):
            with contextlib.suppress(Exception):  # whatever it raises, it does not read the value
                search = attribute == "content" and FORMAT.search
                by_search = model.objects.filter(payload=texts(number)) if search else [instance]
                right += getattr(instance, attribute) == texts(number) and list(by_search) == [instance]
        found[f"{model._meta.db_table}.{column}"] = right
    return found


def rotate(project: str, old: dict[str, str], new: dict[str, str]) -> dict[str, Any]:
    """What the engine does: the targets that it rotated, or why it refused before it wrote."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import (
        application_findings,
        under_new_keys,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import findings
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census_findings
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import Work
    from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

    request = Request(project, "site_settings", {"current": old, "pending": new}, env_file=f"{project}/.env")
    with open_application(request) as application:
        try:
            application_findings.refuse_unproved(application)
            tallies = application.census("current")
            application_findings.refuse_unaccounted(application)
            findings.refuse(census_findings.findings(tallies))
            under_new_keys.rehearse(application, "pending")
        except RotationError as exc:
            return {"code": exc.code, "message": str(exc), "targets": []}
        application.reencrypt("pending", Work())
        return {"code": "", "message": "", "targets": [target.name for target in application.targets]}


def main() -> None:
    what, project, *rest = sys.argv[1:]
    result: Any = None
    if what == "rotate":
        keys = json.loads(Path(rest[0]).read_text(encoding="utf-8"))
        result = rotate(project, keys["old"], keys["new"])
    else:
        start(project)
        result = fill() if what == "fill" else read()
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
