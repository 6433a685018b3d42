# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places in which an application has its keys: .env files, key files, configuration files, units, commands.

``_engine``, ``_monitoring``, ``_options``, ``_services``, ``_tasks``, ``action`` and ``plugin_utils`` import it. It
imports ``_engine``, ``_errors``, ``_kubernetes``, ``_result_types`` and ``_system``.
"""
