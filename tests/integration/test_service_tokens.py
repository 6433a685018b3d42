# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that a service gives look like ciphertext: they stop a rotation where the application's own code encrypts
them."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from cryptography.fernet import Fernet
from django.core import signing

from .test_accounts import random_bytes
from .test_engine import keyring  # noqa: F401  # a fixture


def seal_token(sender: Any, instance: Any, **_about: Any) -> None:
    """A receiver of an application that encrypts what a package stores."""
    instance.token = Fernet(bytes(32)).encrypt(instance.token.encode())


def count_tokens(sender: Any, instance: Any, **_about: Any) -> None:
    instance.seen = len(instance.token)


def sign_name(sender: Any, instance: Any, **_about: Any) -> None:
    instance.name = signing.dumps(instance.name)


class SealingAdapter:
    def store(self, login: Any) -> None:
        login.token = Fernet(bytes(32)).encrypt(login.token.encode())


@pytest.fixture
def social_token(django: Any, database: Database) -> Iterator[Any]:
    """The model of django-allauth, with a table of random tokens."""
    from django.apps import AppConfig, apps
    from django.db import models
    from django.test import override_settings

    module = types.ModuleType("allauth")
    sys.modules["allauth"] = module
    module.Config = type("Config", (AppConfig,), {"name": "allauth", "path": "/"})  # type: ignore[attr-defined]
    database.execute("CREATE TABLE socialaccount_socialtoken (id int PRIMARY KEY, token text, name text)")
    for number in range(30):
        row = (number, random_bytes(45, number).hex(), f"a name {number}")
        database.execute("INSERT INTO socialaccount_socialtoken VALUES (%s, %s, %s)", row)
    with override_settings(INSTALLED_APPS=["allauth.Config"]):

        class SocialToken(models.Model):
            token, name = models.TextField(), models.TextField()

            class Meta:
                app_label, db_table = "allauth", "socialaccount_socialtoken"

            def sealed_by_the_package(self) -> Any:
                return Fernet(bytes(32)).encrypt(self.token.encode())

        SocialToken.sealed_by_the_package.__module__ = SocialToken.__module__ = "allauth"
        yield SocialToken
        apps.all_models.pop("allauth")
    del sys.modules["allauth"]
    database.execute("DROP TABLE socialaccount_socialtoken")


@pytest.mark.parametrize(
    ("receiver", "adapter", "stops"),
    [
        (None, "", False),
        (count_tokens, "", False),
        (sign_name, "", False),
        (seal_token, "", True),
        (None, "SealingAdapter", True),
        (None, "Missing", False),
    ],
)
def test_tokens_of_a_service_stop_if_the_application_s_code_encrypts_them(
    database: Database, keyring: Keyring, social_token: Any, receiver: Any, adapter: str, stops: bool
) -> None:
    """Most applications store them as the service gives them, and they look the same."""
    from django.db.models.signals import pre_save
    from django.test import override_settings

    if receiver:
        pre_save.connect(receiver, sender=social_token)
    survey = target_survey.find(database, "auto", (), keyring)
    with override_settings(SOCIALACCOUNT_ADAPTER=f"{__name__}.{adapter}"):
        told = {each.column for each in accounting.columns(database, survey, {})}
    column = "socialaccount_socialtoken.token"
    assert told == ({column} if stops else set())
    assert survey.findings.columns("sparse") == ([] if stops else [column])
