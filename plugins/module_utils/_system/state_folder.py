# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a user of this collection has its files, on a host and on the control node: digests of rows, positions in
logs, services that were stopped, and, unless the operator says otherwise, the key store and the records."""

from __future__ import annotations

STATE_FOLDER = "~/.local/state/key_rotation"
