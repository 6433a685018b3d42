# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import sys
from types import ModuleType, SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import under_new_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.custom_functions import (
    ProcessPair,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.guarded_start import StartReport
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_worker import (
    ApplicationLocation,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import TRIAL
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

PRESENT, NEW = "the present value", "another value"
ENV_FILE = "/srv/shop/.env"


class Process:
    """A process of the application with these settings."""

    answers = True

    def __init__(self, settings):
        self._settings = settings

    def started(self):
        return StartReport()

    def members(self, name):
        members = derivation.members(self._settings.get(name))
        return hashlib.sha256(repr(members).encode()).digest()

    setting = members


@pytest.fixture
def application(monkeypatch):
    """An application that has these settings now, and others under new values of its keys."""

    def build(now, there, key=None, *, dialect="dotenv"):
        module = ModuleType("shop.settings")
        module.__dict__.update(now)
        monkeypatch.setitem(sys.modules, "shop.settings", module)
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
        stages = {"current": KeySet({"FIELD_KEY": PRESENT})}
        openers = {"current": Process(now), TRIAL: Process(there)}
        processes = {name: ProcessPair(process, process) for name, process in openers.items()}
        return Application(
            [],
            Keyring({}, stages, ApplicationSettings(now.get)),
            [],
            ENV_FILE,
            SimpleNamespace(),
            processes,
            trial=KeySet({"FIELD_KEY": NEW}),
            key_places=ApplicationLocation(
                project_dir="/srv/shop",
                settings_module=None,
                env_file=ENV_FILE,
                dialect=dialect,
                keys=[{"name": "FIELD_KEY", **(key or {})}],
            ).key_places,
        )

    return build


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ({}, ENV_FILE),
        ({"destination": "/run/field_key"}, "/run/field_key"),
        ({"destination": {"file": "/srv/config.json"}}, "/srv/config.json"),
    ],
)
def test_a_setting_that_keeps_its_value_when_its_key_has_another_one_stops(application, key, place):
    stuck = application({"FIELD_KEY": PRESENT}, {"FIELD_KEY": PRESENT}, key)
    with pytest.raises(RotationError, match=f"FIELD_KEY keeps its present value when the one in {place} changes") as e:
        under_new_keys.refuse_made_of_keys(stuck, TRIAL)
    assert e.value.code == "E_KEY_NOT_TAKEN"
    assert PRESENT not in str(e.value)


@pytest.mark.parametrize(
    ("now", "there"),
    [
        ({"FIELD_KEY": PRESENT}, {"FIELD_KEY": NEW}),
        ({"FIELD_KEY": [PRESENT]}, {"FIELD_KEY": [NEW]}),
        ({"FIELD_KEY": "its hash"}, {"FIELD_KEY": "its hash"}),  # it has another value now: E_ENV_NOT_LIVE says so
        ({"FIELD_KEY": ENV_FILE}, {"FIELD_KEY": ENV_FILE}),
        ({"FIELD_KEY": {"1": PRESENT}}, {"FIELD_KEY": {"1": PRESENT}}),
        ({}, {}),
        ({"FIELD_KEY": PRESENT, "TOKENS": [PRESENT]}, {"FIELD_KEY": PRESENT, "TOKENS": [NEW]}),
    ],
)
def test_a_setting_that_takes_the_new_value_or_need_not_take_it_stops_nothing(application, now, there):
    under_new_keys.refuse_made_of_keys(application(now, there), TRIAL)


@pytest.mark.parametrize(
    "key",
    [
        {"destination": {"read": ["show", "key"], "write": ["set", "key"]}},
        {"destination": {"secret": "shop", "namespace": "shop"}},
        {"destination": {"file": "/srv/config.json", "exported": True}},
    ],
    ids=["a command", "a Secret", "the environment"],
)
def test_a_key_that_the_application_does_not_read_itself_stops_nothing(application, key):
    under_new_keys.refuse_made_of_keys(application({"FIELD_KEY": PRESENT}, {"FIELD_KEY": PRESENT}, key), TRIAL)


def test_a_line_that_only_the_service_manager_reads_stops_nothing(application):
    stuck = application({"FIELD_KEY": PRESENT}, {"FIELD_KEY": PRESENT}, dialect="systemd")
    under_new_keys.refuse_made_of_keys(stuck, TRIAL)


def test_nothing_is_known_of_an_application_that_was_not_tried(application):
    stuck = application({"FIELD_KEY": PRESENT}, {"FIELD_KEY": PRESENT})
    stuck.processes.pop(TRIAL)
    assert under_new_keys.made_of_keys(stuck) == []
