# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an application has its keys: a .env file in each dialect, key files, configuration files, units, commands.

``_engine``, ``_monitoring``, ``_options``, ``_record``, ``_services``, ``_tasks``, ``action`` and ``plugin_utils``
import it. It imports ``_engine``, ``_errors``, ``_kubernetes`` and ``_system``.
"""
