# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start an application from the options of a module, for callers that need only its databases."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._engine.application import django_project
from .._engine.application.django_project import ApplicationStart
from .._engine.application.process_environment import ProcessEnvironment
from .._services import service_environment

if TYPE_CHECKING:
    from .option_spec import Options


def start_application(params: Options) -> ApplicationStart:
    """Start the application as its service does. Raise the errors of ``django_project.start``."""
    place = params["project_dir"], params["settings_module"]
    return django_project.start(*place, environment=read_environment(params))


def read_settings(params: Options) -> None:
    """Read the application's settings as its service does, for callers that only need its databases.

    If the engine of a database needs the applications, they are started. Raise the errors of ``django_project.start``.
    """
    django_project.read_settings(params["project_dir"], params["settings_module"], read_environment(params))
    try:
        django_project.load_backends()
    except Exception:  # noqa: BLE001  # such as AppRegistryNotReady; the start raises any real error
        start_application(params)


def read_environment(params: Options) -> Callable[[], ProcessEnvironment]:
    """Return what the service passes to the application."""
    return functools.partial(service_environment.read, params["environment_from"])
