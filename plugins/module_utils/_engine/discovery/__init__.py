# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery: which columns hold encrypted values, under which scheme, and what cannot be accounted for.

``_engine``, ``_tasks``, ``digests``, ``elsewhere``, ``plan``, ``proof`` and ``rewrite`` import it. It imports
``_errors``, ``application``, ``columns``, ``crypto``, ``django``, ``findings``, ``postgres``, ``proof``, ``recipes``
and ``value_forms``.
"""
