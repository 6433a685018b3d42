# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of a module to a running application, for those who need no more of it than its databases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from .._engine.application import django_project
from .._engine.application.django_project import ApplicationStart
from .._services.service_environment import variables


def start_application(params: Mapping[str, Any]) -> ApplicationStart:
    """Start the application as its service does. Raises what ``django_project.start`` raises."""
    place = params["project_dir"], params["settings_module"]
    return django_project.start(*place, environment=service_environment(params))


def service_environment(params: Mapping[str, Any]) -> Callable[[], Mapping[str, str]]:
    """Reads what the service of the application sets in its environment."""
    return functools.partial(variables, params["environment_from"])
