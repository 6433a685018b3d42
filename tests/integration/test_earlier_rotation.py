# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation that version 0.1.0 made: what its operator has of it can be verified and rolled back today."""

from __future__ import annotations

import io
import json
import shutil

import pytest

from .conftest import CHECKOUT, Site

EARLIER = CHECKOUT / "tests/integration/fixtures/earlier_rotation"
PLAIN = json.loads((EARLIER / "plain.json").read_text(encoding="utf-8"))


@pytest.fixture
def rotated(site: Site) -> Site:
    """The same application with the rows, keys, store and records of that rotation."""
    for name, table in json.loads((EARLIER / "data.json").read_text(encoding="utf-8")).items():
        with site.connection() as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {name} CASCADE")
            rows = io.StringIO("".join(f"{row}\n" for row in table["rows"]))
            cursor.copy_expert(f"COPY {name} ({table['columns']}) FROM STDIN", rows)
    for line in (EARLIER / "keys_in_use.txt").read_text(encoding="utf-8").splitlines(keepends=True):
        site.set_env(line.partition("=")[0], line)
    shutil.copy(EARLIER / "store.vault", site.store)
    site.store.chmod(0o600)
    shutil.copytree(EARLIER / "records", site.folder / "records")
    for path in (site.folder / "records").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return site


def test_it_is_verified_and_rolled_back(rotated: Site) -> None:
    assert rotated.read_all() == PLAIN
    in_use, tokens = rotated.env_values(), rotated.tokens()
    verified = rotated.play("verify")
    assert verified.code == 0, verified.text

    done = rotated.play("rollback")
    assert done.code == 0, done.text
    assert rotated.read_all() == PLAIN
    assert not in_use.items() & rotated.env_values().items()
    assert {row for rows in tokens.values() for row in rows}.isdisjoint(
        row for rows in rotated.tokens().values() for row in rows
    )
    assert rotated.play("verify").code == 0
