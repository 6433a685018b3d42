# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import snapshot
from ansible_collections.tetech.key_rotation.plugins.modules import monitoring_probe


def test_a_header_is_not_shown_and_its_value_strikes_no_word_out_of_the_snapshot(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(snapshot, "take", lambda params, kept: {"what": "https://h/"})
    headers = {"X-Forwarded-Proto": "https", "Authorization": "CANARY"}
    ended = run_module(monitoring_probe.main, {"project_dir": str(tmp_path), "env_file": "/e", "headers": headers})
    assert ended.result["snapshot"] == {"what": "https://h/"}
    assert "CANARY" not in str(ended.result)
