# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pulpcore with pulp_file and edx-enterprise, seeded by their own models: planned, rotated, verified, rolled back."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from .conftest import Described, Site

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1200)]

PULPCORE = Described(
    "pulpcore",
    keys=[{"name": "DB_ENCRYPTION_KEY", "type": "fernet", "destination": "database_fields.symmetric.key"}],
    env={"SECRET_KEY": secrets.token_urlsafe(40)},
    settlements={"core_contentredirectcontentguard.shared_secret": {"not_ours": "random bytes that sign redirects"}},
    # One key: at its start pulpcore decodes the whole file as one, which newer Pythons refuse if there are two.
    key_files={"database_fields.symmetric.key": f"{Fernet.generate_key().decode()}\n"},
)
EDX_ENTERPRISE = Described(
    "edx_enterprise",
    keys=[{"name": "FERNET_KEYS"}],
    settlements={
        "blackboard_blackboardenterprisecustomerconfiguration.refresh_token": {"not_ours": "a token of Blackboard"}
    },
    env={
        "SECRET_KEY": secrets.token_urlsafe(40),
        "FERNET_KEYS": f"{secrets.token_urlsafe(32)},{secrets.token_urlsafe(32)}",
    },
)
MOST_SETTLEMENTS = 3  # issue: no more than a person can judge


@pytest.mark.parametrize("described", [PULPCORE, EDX_ENTERPRISE], ids=lambda described: described.name)
def test_a_whole_application_is_planned_rotated_verified_and_rolled_back(
    described: Described, server: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    site = Site(described, tmp_path, server)
    values, keys, tokens = site.read(), site.keys(), site.stored()
    assert len(described.settlements) <= MOST_SETTLEMENTS

    planned = site.play("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    plan = yaml.safe_load(site.plan_file.read_text(encoding="utf-8"))
    assert {target["column"] for target in plan["targets"]} == site.columns()

    rotated = site.play("rotate")
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    assert site.keys() != keys
    assert site.read() == values
    after = site.stored()
    assert {place for place in tokens if tokens[place] == after[place]} <= {
        place for place, value in values.items() if value in (None, "", [], {})
    }

    verified = site.play("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr

    back = site.play("rollback")
    assert back.returncode == 0, back.stdout + back.stderr
    assert site.keys() == keys
    assert site.read() == values
    print(
        f"{described.name}: {len(plan['targets'])} columns, {len(values)} values, {len(described.settlements)} settled"
    )
