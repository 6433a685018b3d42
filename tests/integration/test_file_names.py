# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files that are tokens: under a new name there is no file."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import file_names
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import unsettled
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

from .conftest import Site
from .test_discovery import names, survey, token
from .test_engine import keyring  # noqa: F401  # a fixture

MODEL = """

class Attachment(models.Model):
    file = models.FileField(max_length=400)

    class Meta:
        managed = False
        db_table = "customer_attachment"
"""


def test_a_file_whose_name_is_the_token_stops_until_it_is_settled(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps
    from django.db import models

    class Decrypting(models.FileField):
        """A field that encrypts the names in the database alone."""

        def from_db_value(self, value: Any, *context: object) -> Any:
            return f"contract {len(value)}.pdf"

    class Contract(models.Model):
        file = models.FileField(max_length=400)
        picture = models.ImageField(max_length=400)
        plain = models.FileField()
        own = Decrypting(max_length=400)
        note = models.TextField()

        class Meta:
            app_label, db_table, managed = "contracts", "secrets", False

    monkeypatch.setattr(apps, "get_models", lambda **options: [Contract])
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, file text, picture text, plain text, own text, note text)"
    )
    for number in range(3):
        stored = [token(keyring, f"{number} {name}") for name in ("file", "picture", "own", "note")]
        row = (number, *stored[:2], f"contract-{number}.pdf", *stored[2:])
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s, %s)", row)
    surveyed = survey(database, keyring)
    assert names(surveyed) == {f"secrets.{name}" for name in ("file", "picture", "own", "note")}
    found = file_names.find(surveyed)
    assert [(each.column, each.kind.code) for each in found] == [
        ("secrets.file", "E_COLUMN_TIED"),
        ("secrets.picture", "E_COLUMN_TIED"),
    ]
    assert 'key_rotation_settlements: {secrets.file: {by_command: "reason"}}' in found[0].todo.replace(
        "O(settlements)", "key_rotation_settlements"
    )
    for decision in ("by_command", "unreadable"):
        settled = settlements.parse({"secrets.file": {decision: "a command renames the files"}})
        assert unsettled(found, settled) == found[1:]


def test_the_dry_run_stops_at_names_of_files_that_are_tokens(site: Site) -> None:
    with (site.project / "customer" / "models.py").open("a", encoding="utf-8") as code:
        code.write(MODEL)
    site.sql("CREATE TABLE customer_attachment (id bigserial PRIMARY KEY, file varchar(400))")
    site.sql("INSERT INTO customer_attachment (file) SELECT _full_name_encrypted FROM customer_userprofile LIMIT 3")
    dry = site.play("rotate", "--check")
    text = " ".join(dry.text.split())
    assert dry.code != 0
    assert "E_COLUMN_TIED" in text
    assert "customer_attachment.file" in text
    site.write_inventory(key_rotation_settlements={"customer_attachment.file": {"unreadable": "renamed afterwards"}})
    dry = site.play("rotate", "--check")
    assert dry.code == 0, dry.text
