# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the unit tests, for tests of the same modules that start real processes."""

from __future__ import annotations

from ansible_collections.tetech.key_rotation.tests.host_fixtures import *  # noqa: F403
from ansible_collections.tetech.key_rotation.tests.unit_fixtures import *  # noqa: F403
