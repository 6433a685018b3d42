# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs as root, or before the application's own Python is known, runs with the host's, which has no packages."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.modules import application_health, application_services


@pytest.mark.parametrize("module", [application_services, application_health])
def test_it_needs_no_package_of_the_applications(module, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "run", lambda made, work, needs=("cryptography",): asked.append(tuple(needs)))
    monkeypatch.setattr(module, "AnsibleModule", lambda *args, **kwargs: None)
    module.main()
    assert asked == [()]
