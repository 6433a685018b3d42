# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import proposal

FERNET = base64.urlsafe_b64encode(b"CANARY-of-thirty-two-bytes-long!")


@pytest.mark.parametrize(
    ("values", "entry"),
    [
        ([FERNET], {"name": "A", "type": "fernet"}),
        ([b"+/" * 21 + b"8="], {"name": "A", "type": "fernet"}),  # in the standard alphabet
        ([FERNET, FERNET], {"name": "A", "type": "fernet", "keep": 1}),
        ([b"0f" * 32], {"name": "A", "type": "hex"}),
        ([b"0f" * 64], {"name": "A", "type": "hex", "bytes": 64}),
        ([b"any text"], {"name": "A"}),
        ([], {"name": "A"}),
    ],
)
def test_an_entry_has_the_type_of_the_value(values, entry):
    assert proposal.entry("A", values) == entry


def test_a_setting_goes_by_the_name_that_the_env_file_has_for_its_value():
    env = {"APP_FIELD_KEY": FERNET.decode(), "SECRET_KEY": "x", "OTHER": "y"}
    found = proposal.propose({"FIELD_ENCRYPTION_KEY": [FERNET], "SECRET_KEY": [b"x"]}, env)
    assert found == [{"name": "APP_FIELD_KEY", "type": "fernet"}, {"name": "SECRET_KEY"}]
    assert "CANARY" not in str(found)


def test_a_setting_that_the_env_file_does_not_have_goes_by_its_own_name():
    assert proposal.propose({"FIELD_KEY": [FERNET]}, {"A": "1"}) == [{"name": "FIELD_KEY", "type": "fernet"}]


@pytest.mark.parametrize(
    ("entry", "used", "kept"),
    [
        ({"name": "INNER", "type": "fernet", "keep": 0, "bytes": None, "use": "encryption"}, {"INNER"}, True),
        ({"name": "INNER", "type": "fernet"}, set(), False),
    ],
)
def test_a_listed_key_with_values_under_it_stays_as_it_was_listed(entry, used, kept):
    found = proposal.with_listed([{"name": "FIELD"}], [entry], used)
    assert found == [{"name": "FIELD"}, *[{"name": "INNER", "type": "fernet"}] * kept]


def test_a_key_that_is_proposed_keeps_what_only_a_person_knows_of_it():
    listed = [{"name": "SECRET_KEY", "type": "django_secret_key"}, {"name": "FIELD", "type": "hex", "keep": 2}]
    found = proposal.with_listed([{"name": "SECRET_KEY"}, {"name": "FIELD", "type": "fernet"}], listed, set())
    assert found == [
        {"name": "SECRET_KEY", "type": "django_secret_key"},
        {"name": "FIELD", "type": "fernet", "keep": 2},
    ]


def test_a_listed_key_that_only_signs_stays_next_to_others():
    signing = {"name": "SECRET_KEY", "type": "token_urlsafe", "use": "signing"}
    found = proposal.with_listed([{"name": "FIELD"}], [signing], set())
    assert found == [{"name": "FIELD"}, {"name": "SECRET_KEY", "use": "signing"}]
    assert proposal.with_listed([], [signing], set()) == []


def test_a_line_is_yaml_to_paste():
    assert proposal.line([{"name": "A", "type": "fernet"}, {"name": "B"}]) == (
        "key_rotation_keys: [{name: A, type: fernet}, {name: B}]"
    )
    assert proposal.line([]) == "key_rotation_keys: [{name: ...}]"
