# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import restore

THERE = {"public.shop_order", 'public."Patient"', "clinic.visit"}


@pytest.mark.parametrize(
    ("needed", "gone"),
    [
        (["shop_order", "Patient", "visit"], []),
        (['public"."shop_order', 'public"."Patient', '"clinic"."visit"'], []),
        (["shop_order", 'other"."shop_order', "bill"], ["bill", "other.shop_order"]),
    ],
    ids=["by name", "with the schema", "not there"],
)
def test_a_model_may_name_the_schema_of_its_table(
    monkeypatch: pytest.MonkeyPatch,
    needed: list[str],
    gone: list[str],
) -> None:
    django_apps = pytest.importorskip("django.apps")
    from django.db import router

    models = [SimpleNamespace(_meta=SimpleNamespace(managed=True, db_table=name)) for name in needed]
    monkeypatch.setattr(django_apps.apps, "get_models", lambda **asked: models)
    monkeypatch.setattr(router, "allow_migrate_model", lambda alias, model: True)
    monkeypatch.setattr(restore.Restoration, "_tables", lambda self: THERE)
    restoration = object.__new__(restore.Restoration)
    restoration._alias = "default"
    assert restoration.gone() == gone
