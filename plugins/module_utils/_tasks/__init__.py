# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of each module on a managed host, a function of its options, so that one process can do several.

The modules and ``host_tasks`` import it; it may import every other folder of module_utils.
"""
