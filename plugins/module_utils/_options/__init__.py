# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules, and the request to the engine that is built from them.

The argument specs are generated from the documentation of the modules (`make options`). ``_backup``, ``_monitoring``,
``_stores``, ``_tasks``, ``action``, ``modules`` and ``plugin_utils`` import it. It imports ``_destinations``,
``_engine``, ``_errors``, ``_services`` and ``_system``.
"""
