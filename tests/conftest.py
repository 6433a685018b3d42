# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For all tests: the table of outcomes at the end of a run."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of outcomes: what tests have recorded as such."""
    reports = [report for each in terminalreporter.stats.values() for report in each if hasattr(report, "when")]
    outcomes = [
        str(value)
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == "outcome"
    ]
    if outcomes:
        terminalreporter.section("outcomes")
        terminalreporter.write_line("\n".join(sorted(outcomes)))
