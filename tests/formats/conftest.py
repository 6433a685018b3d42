# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same server as for the libraries."""

from ansible_collections.tetech.key_rotation.tests.libraries.conftest import database, host  # noqa: F401
