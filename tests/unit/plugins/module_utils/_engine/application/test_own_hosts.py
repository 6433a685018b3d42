# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import django.conf
import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.own_hosts import is_own, own_hosts


def test_they_are_those_that_the_settings_allow_and_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SimpleNamespace(
        ALLOWED_HOSTS=["*", "Shop.acme.com", ".acme.org"],
        CSRF_TRUSTED_ORIGINS=["https://*.acme.net", "http://acme.dev:8000"],
    )
    monkeypatch.setattr(django.conf, "settings", settings)
    assert own_hosts() == {"shop.acme.com", ".acme.org", ".acme.net", "acme.dev"}


def test_a_dot_in_front_stands_for_all_below() -> None:
    hosts = {"shop.acme.com", ".acme.org"}
    assert all(is_own(host, hosts) for host in ("SHOP.acme.com", "acme.org", "a.b.acme.org"))
    assert not any(is_own(host, hosts) for host in ("a.shop.acme.com", "notacme.org", "acme.com", ""))
