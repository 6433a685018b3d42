# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import connection
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Libpq


def test_connection_parameters_never_show_the_password():
    assert "CANARY" not in repr(Libpq("db", "5432", "app", "app", "CANARY"))


def test_another_database_takes_the_place_of_the_one_that_an_older_django_names_its_own_way():
    older = SimpleNamespace(get_connection_params=lambda: {"database": "shop", "user": "ada"})
    assert {**connection._of_django(older, {}), "dbname": "copy"} == {"user": "ada", "dbname": "copy"}
