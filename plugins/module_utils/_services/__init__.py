# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of an application on a host: units, processes, maintenance, health, commands.

``_monitoring``, ``_options``, ``_tasks``, ``action`` and ``plugin_utils`` import it. It imports ``_destinations``,
``_engine``, ``_errors``, ``_kubernetes``, ``_system``, ``ansible`` and ``django``.
"""
