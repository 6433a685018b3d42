# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible passes to an action plugin and takes from it: JSON of any form."""

from __future__ import annotations

from typing import Any, TypeAlias

TaskArguments: TypeAlias = dict[str, Any]
TaskResult: TypeAlias = dict[str, Any]
Variables: TypeAlias = dict[str, Any]
