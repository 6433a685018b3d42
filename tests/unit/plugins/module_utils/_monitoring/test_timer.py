# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer refuses to read; with an application: integration/test_monitoring.py."""

from __future__ import annotations

import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import timer
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error


@pytest.mark.parametrize(("mode", "headers", "refused"), [(0o600, 1, False), (0o640, 1, True), (0o644, 0, False)])
def test_a_configuration_with_headers_is_for_its_owner_alone(tmp_path, mode, headers, refused):
    path, content = tmp_path / "monitor.json", {"headers": {"Authorization": "CANARY"} if headers else {}}
    path.write_text(json.dumps(content))
    path.chmod(mode)
    if not refused:
        assert timer._configuration(str(path)) == content
        return
    with expect_error("E_MONITOR_TOKEN", path=str(path)) as told:
        timer._configuration(str(path))
    assert "CANARY" not in str(told.value)


def test_a_configuration_with_headers_of_somebody_else_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "monitor.json"
    path.write_text(json.dumps({"headers": {"Authorization": "CANARY"}}))
    path.chmod(0o600)
    monkeypatch.setattr(timer.os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(RotationError, match="E_MONITOR_TOKEN"):
        timer._configuration(str(path))
