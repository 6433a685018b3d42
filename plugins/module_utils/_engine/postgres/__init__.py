# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: connections, locks, the lease, the catalog.

``_backup``, ``_engine``, ``_monitoring``, ``_record``, ``_result_types``, ``_services``, ``_tasks``, ``action``,
``application``, ``columns``, ``comparison``, ``digests``, ``discovery``, ``elsewhere``, ``findings``, ``plan``,
``plugin_utils``, ``proof``, ``recipes`` and ``rewrite`` import it. It imports ``_errors``, ``django`` and
``psycopg2``.
"""
