# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: connections, locks, the lease, the catalog.

The engine imports it. It imports the driver and the crypto folder, and no Django.
"""
