# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import uuid

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import model_evidence
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import (
    finding_kinds,
    findings,
    settlements,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


def test_a_settlement_is_one_decision_with_its_reason_on_one_line():
    parsed = settlements.parse(
        {"partner.password": {"not_ours": "the partner's\n  own key"}, "a.b:7": {"unreadable": "lost"}}
    )
    assert parsed["partner.password"].as_planned() == {
        "column": "partner.password",
        "decision": "not_ours",
        "reason": "the partner's own key",
    }
    assert parsed["a.b:7"].decision == settlements.UNREADABLE


@pytest.mark.parametrize(
    "described",
    [
        ["a.b"],
        {"a.b": "not_ours"},
        {"a.b": {"ours": "x"}},
        {"a.b": {"not_ours": "x", "unreadable": "y"}},
        {"a.b": {"not_ours": " "}},
        {"a.b": {"not_ours": None}},
        {"a.b": {}},
    ],
)
def test_anything_but_a_decision_with_a_reason_is_refused(described):
    with pytest.raises(RotationError) as caught:
        settlements.parse(described)
    assert caught.value.code == "E_SETTLEMENT"


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.other", "is not a column of the application"), ("a.b:8", "is not in key_rotation_leave_alone")],
)
def test_a_settlement_that_names_nothing_is_refused(name, found):
    settled = settlements.parse({"a.b": {"not_ours": "x"}, "a.b:7": {"unreadable": "x"}})
    assert settlements.refuse_without_place(settled, ["a.b", "a.c"], ["a.b:7"]) is None
    misplaced = {**settled, **settlements.parse({name: {"not_ours": "x"}})}
    with pytest.raises(RotationError, match=found) as caught:
        settlements.refuse_without_place(misplaced, ["a.b", "a.c"], ["a.b:7"])
    assert caught.value.code == "E_SETTLEMENT"


def test_plain_text_may_be_settled_only_if_a_token_proves_itself():
    settled = settlements.parse({"a.b": {"mixed": "older rows"}, "a.c": {"not_ours": "x"}})
    why = settlements.UNAUTHENTICATED
    assert settlements.refuse_untold(settled, {"a.c": why, "a.d": why}) is None
    with expect_error("E_SETTLEMENT", name="a.b", fault=Containing(why)):
        settlements.refuse_untold(settled, {"a.b": why, "a.c": why})
    with expect_error("E_SETTLEMENT", name="a.b:7"):
        settlements.parse({"a.b:7": {"mixed": "x"}})


@pytest.mark.parametrize(("decision", "left"), [("unreadable", 0), ("not_ours", 1)])
def test_a_column_under_a_key_that_is_lost_may_stay_unreadable(decision, left):
    found = [findings.Finding(finding_kinds.KINDS["wrong_key"], "shop.note")]
    assert len(findings.unsettled(found, settlements.parse({"shop.note": {decision: "its key is lost"}}))) == left


FILE = "media/9f/86/9f86d081884c7d659a2feaa0c55ad015.jpg"
CIPHERTEXT = "Zk3vQ9xYbC1hT7mWq2RsUo8LpXe5NfJd"


@pytest.mark.parametrize(
    ("stored", "read", "is_explained"),
    [
        (uuid.UUID(int=1 << 100), uuid.UUID(int=2 << 100), False),
        (f"media/{CIPHERTEXT}", "4111 1111", False),
        (FILE, f"https://example.com/{FILE}", True),
    ],
)
def test_the_form_of_a_value_does_not_explain_that_its_field_reads_another_one(stored, read, is_explained):
    assert model_evidence._is_explained(stored, read) is is_explained
