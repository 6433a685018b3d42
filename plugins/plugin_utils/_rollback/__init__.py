# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rotation is rolled back: what hosts, key store and records show, and the strategy that fits it.

The action plugin of the rollback strategy imports it. It imports module_utils, the reports, the screen and the record
of a run.
"""
