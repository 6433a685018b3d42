# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of outcomes, at the end of a run."""

from __future__ import annotations

from typing import Any

from ansible_collections.tetech.key_rotation.tests.libraries.conftest import host  # noqa: F401


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    rows = sorted(value for report in reports for name, value in report.user_properties if name == "outcome")
    if rows:
        terminalreporter.section("format, place, outcome")
    for row in rows:
        terminalreporter.write_line(row)
