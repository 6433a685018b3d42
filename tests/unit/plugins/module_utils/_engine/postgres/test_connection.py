# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import connection
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Libpq


def test_connection_parameters_never_show_the_password():
    assert "CANARY" not in repr(Libpq("db", "5432", "app", "app", "CANARY"))


def wrapper(**parameters: Any) -> Any:
    return SimpleNamespace(get_connection_params=lambda: parameters)


@pytest.mark.parametrize(
    ("own", "direct", "parameters"),
    [
        ({"database": "shop", "user": "ada"}, {"dbname": "copy"}, {"dbname": "copy", "user": "ada"}),
        (
            {"host": "pooler", "hostaddr": "192.0.2.1", "dbname": "shop"},
            {"host": "db", "port": 5433},
            {"host": "db", "port": 5433, "dbname": "shop"},
        ),
        (
            {"host": "db", "user": "ada", "password": "CANARY", "dbname": "shop"},
            {"service": "admin"},
            {"service": "admin", "dbname": "shop"},
        ),
        (
            {"service": "main", "user": "ada", "password": "CANARY"},
            {"user": "postgres", "host": ""},
            {"service": "main", "user": "postgres"},
        ),
    ],
    ids=["a name as an older Django has it", "past a pooler", "by a service", "by another role"],
)
def test_another_place_takes_the_place_of_the_application_s_own(own, direct, parameters):
    assert connection.connection_parameters(wrapper(**own), direct) == parameters


@pytest.mark.parametrize(
    ("parameters", "environment", "place"),
    [
        ({"dbname": "shop"}, {}, "the local socket:5432/shop"),
        ({"host": "db", "port": 5433, "dbname": "shop"}, {}, "db:5433/shop"),
        ({"hostaddr": "192.0.2.1", "dbname": "shop"}, {}, "192.0.2.1:5432/shop"),
        ({"dbname": "shop"}, {"PGHOST": "db", "PGPORT": "5433"}, "db:5433/shop"),
        ({"service": "main"}, {}, "the server of service main"),
        ({}, {"PGSERVICE": "main"}, "the server of service main"),
        ({"service": "main", "dbname": "copy"}, {}, "the server of service main (dbname=copy)"),
    ],
)
def test_a_place_is_named_as_it_is_given(monkeypatch, parameters, environment, place):
    for name in ("PGHOST", "PGPORT", "PGSERVICE", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert connection.format_place(parameters) == place
