# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns: the places of tokens in one, samples of its values, and what a single value or all of them are.

``_backup``, ``_engine``, ``_monitoring``, ``_tasks``, ``comparison``, ``digests``, ``discovery``, ``elsewhere``,
``plan``, ``plugin_utils``, ``proof``, ``recipes`` and ``rewrite`` import it. It imports ``crypto``, ``postgres`` and
``value_forms``.
"""
