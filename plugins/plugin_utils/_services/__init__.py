# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins do, apart from Ansible: key stores, moves of versions, approvals, rollback strategy,
provenance.

Action and lookup plugins import it. It imports module_utils.
"""
