# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines about services that a run stopped, and about those that a person must stop or start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._task_types import TaskArguments, TaskResult
from . import lines

TITLE = "Services"
BY_YOURSELF = {
    "stopped": "No service is stopped, because key_rotation_services is empty. If the application runs, stop it "
    "yourself.",
    "started": "No service is started, because key_rotation_services is empty. If the application is stopped, start it "
    "yourself. If it runs and its keys have changed, restart it.",
}


def format_stopped(stopped: Sequence[str], *, has_services: bool, release: str) -> Iterator[str]:
    """Yield the lines after a stop. ``release`` is the command that ends a manual stop; empty for any other stop."""
    if stopped or (release and has_services):
        yield f"  stopped: {', '.join(stopped) or 'nothing, because no service was running'}"
    if release:
        yield f"  held: no rotation starts anything until you run {release}"


def show(result: TaskResult, *, stops: bool, has_services: bool, release: str) -> None:
    """Show the state of each service after a start or stop; ``release`` as in ``format_stopped``."""
    lines.show([f"  {name}: {state}" for name, state in result.get("states", {}).items()], TITLE)
    if stops:
        lines.show(format_stopped(result["services"], has_services=has_services, release=release), TITLE)


def add_advice(options: TaskArguments, result: TaskResult, *, dry: bool) -> TaskResult:
    """Return the result with the advice to stop or start the application by hand, if no service is configured."""
    advice = BY_YOURSELF.get(options["state"])
    if not advice or options["services"]:
        return result
    if dry:
        return {**result, "msg": f"{options['state']}: nothing, because key_rotation_services is empty"}
    lines.detail([f"  {advice}"], TITLE)
    return {**result, "msg": advice}
