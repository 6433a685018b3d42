# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules of this collection share, described once."""

from __future__ import annotations


class ModuleDocFragment:
    PROJECT = r"""
options:
  project_dir:
    description:
      - Folder of the Django project on the host, the one with C(manage.py).
      - It must belong to the user who runs the module.
    type: path
    required: true
  settings_module:
    description: The settings module. Without it, the one that C(manage.py) names.
    type: str
  schemes:
    description:
      - How tokens are made from a key set, as data. V(auto) tries the schemes the collection knows.
      - Otherwise a dictionary by name, each with V(format), V(key) and V(prefix).
    type: raw
    default: auto
  targets:
    description:
      - The columns to work on. V(auto) takes every text column of every model that holds a token which opens.
      - Otherwise a list of dictionaries with V(table), V(column) and V(scheme).
    type: raw
    default: auto
  ignore:
    description:
      - Columns that discovery passes over, each as V(table.column).
      - One whose values look encrypted stops a rotation until O(settlements) names it.
    type: list
    elements: str
    default: []
  direct:
    description:
      - For a database that the application reaches through a pooler, where PostgreSQL itself is.
      - A dictionary by alias of Django's C(DATABASES), each with V(host) and V(port).
    type: dict
    default: {}
  leave_alone:
    description:
      - Values that are kept as they are although they open under no key, each as V(table.column:key).
      - One that looks encrypted stops a rotation until O(settlements) names it.
    type: list
    elements: str
    default: []
  settlements:
    description:
      - What a person decided about columns, each as V(table.column), and about values of O(leave_alone).
      - Each has one of V(not_ours) (under none of the keys) and V(unreadable) (it will be unreadable after the
        rotation, which is accepted), with a reason. The plan, its hash and the record keep them.
    type: dict
    default: {}
  progress:
    description: Set by the action plugin, the file from which it shows how far it is. Not for playbooks.
    type: path
"""
    # The same list in two fragments.
    _KEY_SUBOPTIONS = r"""
    suboptions:
      name:
        description: Name of the setting, as the env file has it.
        type: str
        required: true
      destination:
        description:
          - A key file of its own for this key, one key per line, or one OpenPGP key in ASCII armour. Without it, the
            key is a line of the env file.
        type: path
      type:
        description:
          - How a new value is made, one of V(token_urlsafe), V(fernet), V(hex), V(django_secret_key).
          - V(django_secret_key) has the length and the alphabet of Django's own, and is drawn until the reader of the
            env file gives it back.
          - V(openpgp) is one half of an OpenPGP key pair, in a file of its own (V(destination)). It is not made here,
            but taken from the C(values_file) of M(tetech.key_rotation.key_version).
        type: str
        default: token_urlsafe
      bytes:
        description: Random bytes of a V(token_urlsafe) (38 to 512, else 64) or V(hex) (32 to 512, else 32).
        type: int
      keep:
        description:
          - For a setting that is a list with commas, of which the application writes with the first and reads with all.
            The new value is put before so many of the newest of the old list.
        type: int
        default: 0
      use:
        description:
          - V(signing) declares that no stored value is under this key.
          - A key of V(encryption) that no target depends on stops the plan and the rotation.
        type: str
        choices: [encryption, signing]
        default: encryption
"""
    KEYS = (
        r"""
options:
  keys:
    description: The settings that together open the data.
    type: list
    elements: dict
    default:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
"""
        + _KEY_SUBOPTIONS
        + r"""
  env_file:
    description: The file on the host from which the application reads its keys.
    type: path
  dialect:
    description: Who reads that file, as for M(tetech.key_rotation.env_file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
  store:
    description:
      - Where the versions live. Its members are the options of the lookup P(tetech.key_rotation.keys#lookup), which
        also says what stands in for them in variables, environment and ini.
      - V(type) is V(vault_file), V(hashi_vault) or V(aws_secrets_manager).
      - It stays on the control node.
      - Never logged.
    type: dict
    default: {}
  key_sets:
    description: Set by the action plugin from the store, by pipe. Not for playbooks. Never logged.
    type: dict
    default: {}
  key_set_ids:
    description: Set by the action plugin, the key ids of O(key_sets). Not for playbooks.
    type: dict
    default: {}
  base:
    description:
      - Set by the action plugin, the stage everything was under when the open rotation began. Not for playbooks.
    type: str
    default: current
"""
    )
    LOGS = r"""
options:
  usual_log_files:
    description: Is looked at where O(log_files) is not set. That there is nothing is well.
    type: list
    elements: str
    default: []
  log_units:
    description: Systemd units whose journal is looked at. The user must be allowed to read it (group systemd-journal).
    type: list
    elements: str
    default: []
  log_patterns:
    description: Regular expressions. A line counts once, under the first one that it has.
    type: list
    elements: str
    default: [decrypt_failed, InvalidToken, Decryption failed]
"""
    NAMED_KEYS = (
        r"""
options:
  keys:
    description:
      - The settings, each with its V(name).
      - One with a V(destination) is no line of the env file, but the content of that key file, one key per line.
      - It is the list that M(tetech.key_rotation.key_version) takes. How a new value is made is nothing to this module.
    type: list
    elements: dict
    required: true
"""
        + _KEY_SUBOPTIONS
        + r"""
  store:
    description:
      - The key store, as for M(tetech.key_rotation.key_version). It stays on the control node.
      - Never logged.
    type: dict
    default: {}
"""
    )
    ROTATION = r"""
options:
  rotation_id:
    description: The rotation this belongs to. It makes the step idempotent.
    type: str
    required: true
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
"""
    # Of a backup that is opened, and of the copy that is made of it.
    RESTORING = r"""
options:
  admin:
    description:
      - The connection of a role that may create databases. Without it, the application's own.
      - A password is in O(admin.passfile), or in that of the service, and nowhere else.
    type: dict
    suboptions:
      service:
        description: Name of a service in C(pg_service.conf) on the host, instead of the application's host and role.
        type: str
      host:
        description: Host or folder of the socket.
        type: str
      port:
        description: Port.
        type: str
      user:
        description: Role.
        type: str
      passfile:
        description: A C(.pgpass) file on the host.
        type: path
      dbname:
        description: The database to connect to. It must be another one than that of the application.
        type: str
        default: postgres
  identity_file:
    description: As for M(tetech.key_rotation.postgresql_backup).
    type: path
  identity:
    description: Set by the action plugin. Not for playbooks. Never logged.
    type: str
  pg_bindir:
    description: As for M(tetech.key_rotation.postgresql_backup).
    type: path
"""
    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Shows key ids in diff mode, never values.
    support: none
  idempotent:
    description: Running it again with the same rotation id changes nothing.
    support: full
"""
