# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines about services that a run stopped, and about those that a person must stop or start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BY_YOURSELF = {
    "stopped": "No service is stopped, because key_rotation_services is empty. If the application runs, stop it "
    "yourself.",
    "started": "No service is started, because key_rotation_services is empty. If the application is stopped, start it "
    "yourself. If it runs and its .env file has changed, restart it.",
}


def format_stopped(stopped: Sequence[str], *, has_services: bool, release: str) -> Iterator[str]:
    """Yield the lines after a stop. ``release`` is the command that ends a manual stop; empty for any other stop."""
    if stopped or (release and has_services):
        yield f"  stopped: {', '.join(stopped) or 'nothing, because no service was running'}"
    if release:
        yield f"  held: no rotation starts anything until you run {release}"
