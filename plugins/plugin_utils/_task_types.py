# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments and results of action plugins: any JSON."""

from __future__ import annotations

from typing import Any, TypeAlias

TaskArguments: TypeAlias = dict[str, Any]
TaskResult: TypeAlias = dict[str, Any]
Variables: TypeAlias = dict[str, Any]
