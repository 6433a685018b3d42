# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery: which columns hold encrypted values, under which scheme, and what cannot be accounted for.

``_backup``, ``_engine``, ``_monitoring``, ``_tasks``, ``plugin_utils``, ``proof`` and ``rewrite`` import
it. It imports ``_engine``, ``_errors``, ``application``, ``crypto``, ``django``, ``postgres``, ``proof`` and
``value_forms``.
"""
