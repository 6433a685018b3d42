# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which reasons are a compromise, and what becomes of the sessions."""

from __future__ import annotations

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import is_compromise, is_unclear

from ..conftest import CHECKOUT
from ..yaml_files import read_yaml

VARS = read_yaml(CHECKOUT / "roles/variable_defaults/vars/main.yml")
DERIVED = {name: VARS[name] for name in ("__key_rotation_is_compromise", "__key_rotation_sessions")}


def templated(name: str, **variables: object) -> object:
    known = {each: trust_as_template(text) for each, text in DERIVED.items()}
    return Templar(loader=DataLoader(), variables={**known, **variables}).template(known[name])


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("compromise", True),
        ("compromise: a laptop was stolen", True),
        ("compromised laptop", True),
        ("compromise_known", True),
        ("Key Compromise", True),
        (" COMPROMISE\n", True),
        ("cryptoperiod", False),
        ("an uncompromising auditor", False),
        ("", False),
        (None, False),
    ],
)
def test_a_reason_with_a_word_that_begins_so_is_a_compromise(reason, expected):
    assert is_compromise(reason) is expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("yearly rotation by policy; keys not compromised", True),
        ("no compromise, cryptoperiod", True),
        ("it isn't compromised", True),
        ("in case of a compromise", True),
        ("annual, none compromised", True),
        ("0 keys compromised", True),
        ("Fortinet VPN compromised", False),
        ("Ticket no 4711: compromise", False),
        ("compromise: no laptop is safe", False),
        ("The laptop is not found. Its keys are compromised", False),
        ("suspected key compromise", False),
        ("not an uncompromising auditor", False),
        (None, False),
    ],
)
def test_a_reason_that_may_deny_a_compromise_is_unclear(reason, expected):
    assert is_unclear(reason) is expected


@pytest.mark.parametrize(
    ("chosen", "compromised", "done"),
    [
        (None, False, ""),
        (None, True, "drop"),
        ("", True, "drop"),
        ("resign", False, "resign"),
        ("resign", True, "resign"),  # which the checklist refuses
    ],
)
def test_after_a_compromise_the_sessions_are_dropped_unless_an_operator_says_otherwise(chosen, compromised, done):
    opened = {"compromised": compromised}
    assert templated("__key_rotation_sessions", key_rotation_sessions=chosen, record_opened=opened) == done
