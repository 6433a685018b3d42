# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.action.django_prepare import ActionModule


@pytest.fixture
def asked(run_action, stored, monkeypatch):
    """What the host is asked, in place of a host with an application and a database."""
    seen = {}

    def watched(self, module, args, host=""):
        seen.update(args)
        return {"changed": False, "preparation": {"columns": [], "excluded": {}, "rows": 0, "seconds": 0.1}}

    monkeypatch.setattr(ActionModule, "watched", watched)

    def run(**args):
        result = run_action("django_prepare", project_dir="/srv/app", destination="pending", rotation_id="r1", **args)
        assert not result.get("failed"), result
        return seen

    return run


def test_the_proof_gets_the_keys_of_the_destination_and_no_other(asked, new_keys):
    assert asked(state="verified")["key_sets"] == {"pending": new_keys.values}


def test_what_prepares_gets_all_versions_and_shares_the_lock_of_the_run(asked, old_keys, new_keys):
    found = asked()
    assert found["key_sets"] == {"current": old_keys.values, "pending": new_keys.values}
    assert found["run"]
    assert found["step"]
