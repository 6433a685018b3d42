# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elsewhere: tokens and copies of keys that no rotation rewrites, such as in caches, files or configuration.

``_engine``, ``_tasks`` and ``plan`` import it. It imports ``_engine``, ``_errors``, ``application``, ``columns``,
``crypto``, ``discovery``, ``django``, ``findings``, ``postgres`` and ``value_forms``.
"""
