# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as a Django project: its start, settings, models, own functions, and where its code uses keys.

``_backup``, ``_engine``, ``_monitoring``, ``_options``, ``_services``, ``_tasks``, ``discovery``, ``elsewhere``,
``plan``, ``proof`` and ``recipes`` import it. It imports ``_destinations``, ``_errors``, ``_system``, ``crypto``,
``django``, ``postgres`` and ``proof``.
"""
