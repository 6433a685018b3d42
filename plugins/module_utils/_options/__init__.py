# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules, and the request to the engine that is built from them.

Modules, action plugins and the domains may import it. It imports the engine, the environment file and the errors.
"""
