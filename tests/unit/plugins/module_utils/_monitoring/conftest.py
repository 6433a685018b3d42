# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def snapshot() -> dict[str, Any]:
    """What a look at an application sees that has one bad value and a stale worker."""
    columns = {"model": "customer.UserProfile", "table": "customer_userprofile", "scheme": "profile", "rows": 100_000}
    return {
        "time": "2026-11-25T09:00:00Z",
        "kept": True,
        "put_off": "",
        "project": "/srv/food_ordering",
        "census_asked": True,
        "success": 1.0,
        "census": {
            "time": "2026-11-25T09:00:00Z",
            "targets": [
                {**columns, "column": "_address_encrypted", "left_alone": 0,
                 "classes": {"current": 99_999, "unreadable": 1}},
                {**columns, "column": 'odd"name\\', "classes": {"empty": 100_000}, "left_alone": 0},
            ],
            "values": 100_000,
            "current": 99_999,
            "ratio": 0.99999,
            "whole": True,
            "key_ids": {"current": "c" * 16, "previous": "d" * 16},
        },
        "response": [
            {"what": "http://h/health/", "seconds": 0.3, "tries": 10, "errors": 0, "error": "", "baseline": 0.1,
             "baseline_taken": "2026-11-01T00:00:00Z", "ratio": 3.0, "limit": 0.2},
            {"what": "decryption", "seconds": 0.00001, "tries": 3000, "errors": 0, "error": "", "baseline": None,
             "baseline_taken": None, "ratio": None, "limit": None},
        ],
        "logs": {
            "since": "2026-11-24T09:00:00Z",
            "new": {"/srv/food_ordering/logs/security.log": {"InvalidToken": 0, "Decryption failed": 7}},
            "totals": {"/srv/food_ordering/logs/security.log": {"InvalidToken": 0, "Decryption failed": 9}},
            "unreadable": 0,
            "told": {"/srv/food_ordering/logs/security.log": "2026-11-25T09:00:00Z"},
        },
        "rotation": {
            "key_id": "c" * 16, "origin": "generated", "created": "2026-11-01T00:00:00Z", "due": "2027-11-01T00:00:00Z",
            "due_soon": "2027-10-01T00:00:00Z",
            "retire": "2026-12-01T00:00:00Z", "commands": {"retire": "ansible-playbook retire.yml -i production"},
        },
        "retire": [
            {"key_id": "d" * 16, "stage": "previous", "safe": False, "backups": 1,
             "reasons": ["it is held until 2026-12-01"]},
            {"key_id": "e" * 16, "stage": "older-" + "e" * 16, "safe": True, "reasons": [], "backups": 1},
        ],
        "findings": [
            {"code": "E_UNREADABLE",
             "what": "1 value opens under no known key: customer_userprofile._address_encrypted:77",
             "todo": "Restore it.", "next": "ansible-playbook verify.yml -i production"},
            {"code": "E_PLAINTEXT", "what": "w", "todo": "t", "next": "ansible-playbook verify.yml -i production"},
        ],
        "warnings": ["the next rotation is due"],
    }  # fmt: skip
