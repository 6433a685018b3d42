# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules of this collection share, described once."""

from __future__ import annotations


class ModuleDocFragment:
    APPLICATION = r"""
options:
  project_dir:
    description:
      - Folder of the Django project on the host, the one with C(manage.py), or in which the application runs.
      - It must belong to the user who runs the module.
      - An application that is installed as a package in the Python that runs the module needs no folder.
    type: path
    default: ""
  settings_module:
    description:
      - The settings module.
      - The default is C(DJANGO_SETTINGS_MODULE) in O(environment_from), or the one that C(manage.py) names.
    type: str
  environment_from:
    description:
      - Where the service takes the variables from that it sets for the application, in the order in which they count.
      - Each source has V(unit), the name of a systemd unit, V(container), the name of a container of podman or docker,
        or V(file) with V(dialect), the program that reads it.
      - A unit also gives its credentials, as files in a folder C($CREDENTIALS_DIRECTORY) of the process.
    type: list
    elements: dict
    default: []
  direct:
    description:
      - Addresses of PostgreSQL itself, for databases that the application reaches through a connection pooler.
      - A dictionary by alias of Django's C(DATABASES), each with V(host) and V(port).
    type: dict
    default: {}
"""
    PROJECT = r"""
options:
  schemes:
    description:
      - How tokens are made from a key set, as data. V(auto) tries every scheme that the collection knows.
      - Otherwise a dictionary of schemes by name, each with V(format), V(key) and V(prefix).
    type: raw
    default: auto
  targets:
    description:
      - The columns that hold encrypted values. V(auto) takes every text column of every model that holds a token which
        one of the keys decrypts.
      - Otherwise a list of dictionaries with V(table), V(column) and V(scheme). With V(auto) as one of its entries,
        every other column that V(auto) finds is taken too.
      - A search column whose digests are not recognized is an entry with V(table), V(column), V(digest_of), which is
        the column with the tokens, and V(recipe). It is computed again with each token. Its members are in
        docs/schemes.md.
    type: raw
    default: auto
  ignore:
    description:
      - Columns that discovery skips, each as V(table.column).
      - A column whose values look encrypted stops a rotation until O(settlements) names it.
    type: list
    elements: str
    default: []
  leave_alone:
    description:
      - Values to keep unchanged although no key decrypts them, each as V(table.column:key).
      - A value that looks encrypted stops a rotation until O(settlements) names it.
    type: list
    elements: str
    default: []
  application_external:
    description:
      - Properties of models, each as C(app.Model.name), that may connect to a server or start a program when they are
        read. Any other is stopped before it does so (E_APPLICATION_ACTS).
    type: list
    elements: str
    default: []
  settlements:
    description:
      - Decisions that a person made about columns, each as V(table.column), and about values of O(leave_alone).
      - Each decision is V(not_ours) (encrypted under none of the keys) or V(unreadable) (the loss after the rotation is
        accepted), with a reason. The plan, its hash and the record include the decisions.
      - For a column with values that are encrypted twice, it is V(one_layer) (by accident, each becomes one token) or
        V(two_layers) (by design, both layers are rotated).
      - For a column with plain text next to encrypted values, it is V(mixed). Plain text stays, the rest is rotated.
        If the plain text looks like numbers, JSON or codes, the reason must contain that word.
      - V(by_command) says that O(command) recreates the column, such as a fingerprint under a derived key.
      - V(urlsafe) says that the application also reads C(-) and C(_) for the C(+) and C(/) of its tokens, and they
        are written so.
      - V(unused_key_id) says that the application does not read an ID that is computed from a key.
      - V(not_a_key) says of a variable, by its name, that nothing encrypts with it although it has the value of a key.
      - What the role may not read is settled as V(schema.table), or V(schema.*) for all of a schema.
      - A definition in the database that has a token or a key is settled by its name in the plan, as V(default of
        table.column) or V(setting app.key of database shop).
    type: dict
    default: {}
  command:
    description:
      - A management command of the application that re-encrypts its values itself, with V(name), V(arguments) and
        V(new_keys).
      - V(new_keys) maps a key to the environment variable from which the command reads the new value, while the
        application has the old one. Any other key must be a list, and the command gets the new value in front of the
        old ones.
    type: dict
  progress:
    description: The file to which the module writes its progress. Set by the action plugin. Not for playbooks.
    type: path
"""
    # Two fragments have this list. ansible-test's yamllint takes what has no annotation for one whole document.
    _KEY_SUBOPTIONS: str = r"""
    suboptions:
      name:
        description: Name of the setting, as it is written in the .env file.
        type: str
        required: true
      destination:
        description:
          - The place where this key is kept. Without it, the key is a line of the .env file.
          - The path of a key file, with one key per line or one OpenPGP key in ASCII armor.
          - Or a dictionary with V(file), a configuration file or a Python module, and V(path) in it, such as
            V(vault.fernet_key), or a list of its steps. The default path is the name of the key. Only this value is
            replaced. A list of texts is a list of keys, of which the first one encrypts.
          - V(format) is V(ini), V(json), V(toml), V(yaml) or V(python). The default follows the name of the file.
          - V(exported) is whether the service takes the value into the environment of the application, under the name
            of the key, as Compose does with C(environment).
          - Or a dictionary with V(file), another file of variables, and V(dialect), the program that reads it.
          - Or a dictionary with V(unit), one or several systemd units. The place is the file from which all of them
            take the variable, C(Environment=) in a unit file or a line of an C(EnvironmentFile=).
          - With V(credential), the name of a systemd credential, the place is the file or the line from which the units
            take it. V(encrypt) is a list of options of C(systemd-creds encrypt), for an encrypted credential that was
            not made with the key of the host alone.
          - Or a dictionary with V(secret), the name of a Secret of Kubernetes, and V(namespace), V(entry) (the default
            is the name of the key), V(context) and V(kubeconfig). The application finds the value in its environment,
            under the name of the key.
          - Or a dictionary with the commands V(read) and V(write), each a list of words. V(read) prints the value,
            V(write) takes it from standard input and prints nothing of it. The application finds it in its environment,
            under the name of the key.
        type: raw
      type:
        description:
          - How a new value is generated, one of V(token_urlsafe), V(fernet), V(base64), V(hex), V(django_secret_key)
            and V(openpgp).
          - V(django_secret_key) has the length and the alphabet of Django's own. It is generated again until the reader
            of the .env file returns it unchanged.
          - V(openpgp) is one half of an OpenPGP key pair, in a separate file (V(destination)). It is not generated. It
            is taken from C(values_file) of M(tetech.key_rotation.key_version).
        type: str
        default: token_urlsafe
      bytes:
        description:
          - Number of random bytes of a V(token_urlsafe) (16 to 512), V(base64) (16 to 64) or V(hex) (16 to 512) value.
            An AES key has 16, 24 or 32.
          - By default a new value is as long as the present one. A V(token_urlsafe) has 32 characters if the present
            value has fewer than 22. Without a present value of its type, a V(token_urlsafe) has 64 bytes, and a
            V(base64) or V(hex) has 32.
        type: int
      keep:
        description:
          - For a setting that is a comma-separated list, of which the application encrypts with the first key and
            decrypts with all.
          - The new value is put in front of this number of the most recent keys of the old list.
        type: int
        default: 0
      use:
        description:
          - V(signing) declares that no stored value is encrypted under this key.
          - A key with V(encryption) that no target depends on stops the plan and the rotation.
        type: str
        choices: [encryption, signing]
        default: encryption
"""
    # Both fragments have these too.
    _KEYS_OF_STORE: str = r"""
  recorded_keys:
    description:
      - Use the keys of the store's current version, whatever O(keys) lists. Of O(keys) the entries of these count.
      - A rollback and a verification work with the keys that were rotated. It stays on the control node.
    type: bool
    default: false
  former_keys:
    description:
      - Names of keys that were rotated, and that are not to be rotated anymore. Without it, a key that is taken out of
        O(keys) stops the plan and the rotation. It stays on the control node.
    type: list
    elements: str
    default: []
"""
    KEYS: str = (
        r"""
options:
  keys:
    description: The settings that together encrypt and decrypt the data.
    type: list
    elements: dict
    default:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
"""
        + _KEY_SUBOPTIONS
        + _KEYS_OF_STORE
        + r"""
  env_file:
    description: The .env file on the host from which the application reads its keys.
    type: path
  dialect:
    description: The reader of that file, as for M(tetech.key_rotation.env_file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
  store:
    description:
      - The key store. Its members are the options of the lookup P(tetech.key_rotation.keys#lookup), which also
        describes the variables, environment variables and ini entries that can replace them.
      - V(type) is V(vault_file), V(hashi_vault) or V(aws_secrets_manager).
      - It stays on the control node.
      - Never logged.
    type: dict
    default: {}
  key_sets:
    description:
      - The key sets from the store, sent through a pipe. Set by the action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
  key_set_ids:
    description: The key IDs of O(key_sets). Set by the action plugin. Not for playbooks.
    type: dict
    default: {}
  base:
    description:
      - The stage under which all values were when the open rotation began. Set by the action plugin. Not for playbooks.
    type: str
    default: current
"""
    )
    LOGS = r"""
options:
  usual_log_files:
    description: Log files that are read if O(log_files) is not set. They need not exist.
    type: list
    elements: str
    default: []
  log_units:
    description: Systemd units whose journal is read. The user must be allowed to read it (group systemd-journal).
    type: list
    elements: str
    default: []
  log_patterns:
    description: Regular expressions. A line is counted once, under the first expression that matches.
    type: list
    elements: str
    default: [decrypt_failed, InvalidToken, Decryption failed]
"""
    NAMED_KEYS: str = (
        r"""
options:
  keys:
    description:
      - The settings, each with its V(name).
      - A setting with a V(destination) is kept there, and is not a line of the .env file.
      - The same list as for M(tetech.key_rotation.key_version). This module ignores how new values are generated.
    type: list
    elements: dict
    required: true
"""
        + _KEY_SUBOPTIONS
        + _KEYS_OF_STORE
        + r"""
  store:
    description:
      - The key store, as for M(tetech.key_rotation.key_version). It stays on the control node.
      - Never logged.
    type: dict
    default: {}
"""
    )
    _RECORD_DIR: str = r"""  record_dir:
    description:
      - Folder of the records on the control node.
      - The default is C(.key_rotation/PROJECT/records) next to the inventory.
    type: path
"""
    ROTATION: str = (
        r"""
options:
  rotation_id:
    description: The rotation that this step belongs to. It makes the step idempotent.
    type: str
    required: true
"""
        + _RECORD_DIR
    )
    RECORD: str = "options:\n" + _RECORD_DIR
    # For modules that may run without a rotation.
    RECORDED: str = (
        r"""
options:
  rotation_id:
    description: The rotation to whose record this is written. Without it, nothing is recorded.
    type: str
"""
        + _RECORD_DIR
    )
    # For modules that write to the databases as a step of the run that holds the lease.
    RUN = r"""
options:
  run:
    description: The run whose lock all its processes share. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
  step:
    description: The step of that run. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
"""
    # For modules that request pages of the application.
    REQUESTS = r"""
options:
  headers:
    description:
      - Headers to send, such as C(Authorization) with a token. They reach the host through a pipe.
      - Never logged.
    type: dict
    default: {}
  ca_file:
    description: File on the host with the CA certificates to trust. The default is the system's certificates.
    type: path
  answer_timeout:
    description:
      - Maximum number of seconds for each response, from start to end. An endless streaming response counts as a
        failure.
    type: int
    default: 10
"""
    # For modules that look at every column.
    OUTSIDE = r"""
options:
  outside:
    description:
      - What to do about columns that look encrypted, in which no value opens, and that the last rotation did not
        include, according to its record. With V(report), they do not stop a rollback or a verification.
    type: str
    choices: [refuse, report]
    default: refuse
  recorded_columns:
    description: The columns of the last rotation, with O(outside=report). Set by the action plugin. Not for playbooks.
    type: list
    elements: str
    default: []
"""
    # For modules that run on the control node alone.
    STORE = r"""
options:
  store:
    description:
      - The key store, as for M(tetech.key_rotation.key_version).
      - Never logged.
    type: dict
    default: {}
"""
    # For modules that find an existing backup.
    BACKUPS = r"""
options:
  backup_dir:
    description: Folder of the backups on the host.
    type: path
    required: true
"""
    # For modules that read the .env file without starting the application.
    DIALECT = r"""
options:
  dialect:
    description: The reader of the file, as for M(tetech.key_rotation.env_file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
"""
    # For the modules that ask which run holds the lease.
    HOLDER = r"""
options:
  holder:
    description: The run. Set by the action plugin. Not for playbooks.
    type: dict
  over:
    description: A dead run that holds the lease. Set by the action plugin. Not for playbooks.
    type: dict
"""
    # For the modules that write the keys of a stage, or find out whether they can.
    STAGE_VALUES = r"""
options:
  path:
    description: Absolute path of the file.
    type: path
    required: true
  stage:
    description:
      - The stage whose values are set. It must be the version that O(rotation_id) created, or the previous version,
        which a rollback restores.
      - V(readable) is the previous key followed by the new one, and V(primary) the new one followed by the previous
        one, for an application that reads a list of keys.
    type: str
    required: true
    choices: [current, pending, previous, readable, primary]
  values:
    description:
      - The values from the store, sent through a pipe. Set by the action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
  key_id:
    description:
      - The key ID of O(values), which takes a tenth of a second to make. Set by the action plugin. Not for playbooks.
    type: str
"""
    # For modules that allow less in production.
    ENVIRONMENT = r"""
options:
  environment:
    description: The environment of the keys.
    type: str
    choices: [demo, staging, production]
    default: production
"""
    # For modules that record why they may act, or require that.
    GROUNDS = r"""
options:
  reason:
    description: The reason for the rotation, for the record.
    type: str
  authorization:
    description: The approver and the ticket, for the record.
    type: raw
"""
    # For modules that verify signatures of records.
    SIGNERS = r"""
options:
  former_signers:
    description:
      - Earlier public keys with which records may be signed, as C(ssh-ed25519 AAAA...).
      - A key that the store had before a change need not be listed once a rotation has recorded it.
    type: list
    elements: str
    default: []
"""
    # For modules that create or read a plan.
    PLAN = r"""
options:
  path:
    description:
      - The plan file on the control node. The default is C(.key_rotation/PROJECT/plan.yml) next to the inventory.
    type: path
"""
    # For modules that read the values as the application does.
    UNREAD = r"""
options:
  application_ignore:
    description: Fields and properties that are not read, as for M(tetech.key_rotation.application_reading).
    type: list
    elements: str
    default: []
"""
    # For modules that check whether a rotation can work.
    MODE = r"""
options:
  mode:
    description:
      - When values are re-encrypted. V(online) also tries whether the application can work with two keys. V(auto) is
        V(prepared) or V(window), whichever M(tetech.key_rotation.rotation_checklist) chooses.
    type: str
    choices: [auto, window, prepared, online]
    default: auto
"""
    # For modules that look for other sessions of the application.
    SESSIONS = r"""
options:
  sessions_allowed:
    description: C(application_name) of database sessions of the application's role that hold no key.
    type: list
    elements: str
    default: []
"""
    # For modules that get secrets back from the host.
    SEALED = r"""
options:
  seal_to:
    description: The public key for the host's reply. Set by the action plugin. Not for playbooks.
    type: str
"""
    # For modules that re-encrypt all values to one stage.
    REWRITE = r"""
options:
  destination:
    description: The stage under which every value is to be.
    type: str
    required: true
    choices: [current, pending, previous]
  workers:
    description: Number of processes that work at the same time. V(0) means one for each core that the module may use.
    type: int
    default: 0
"""
    # For modules that re-encrypt.
    THROTTLE = r"""
options:
  throttle:
    description: Limits that leave resources to the application. Without them, the work runs at full speed.
    type: dict
    suboptions:
      batch_seconds:
        description:
          - Maximum number of seconds for a batch. The number of rows is adapted to the duration of the last batches.
            V(0) means no limit.
        type: float
        default: 0.25
      ratio:
        description: Seconds of rest for each second of work, in each process.
        type: float
        default: 0
      replica_lag:
        description: Wait while the slowest replica is more than this number of seconds behind, if the role may see it.
        type: float
        default: 0
      wal_backlog:
        description:
          - Wait while the server keeps more than this number of megabytes of WAL for its archive or a replication slot.
        type: float
        default: 0
      pause_file:
        description: Wait while this file exists on the host.
        type: path
      vacuum_rows:
        description:
          - VACUUM a table each time this number of its rows has been rewritten, if the role owns the table.
          - Otherwise, and with V(0), the module only reports which tables have many dead rows afterwards.
        type: int
        default: 0
      query:
        description: Wait while the first column of the first row of this SQL query is true. It runs read only.
        type: str
      critical_query:
        description:
          - Fail (E_CRITICAL_QUERY) as soon as the first column of the first row of this SQL query is true. A rollback
            ignores it.
        type: str
"""
    # For modules that compute how long a rotation takes.
    ESTIMATE = r"""
options:
  window:
    description: The maintenance window, with V(start) and V(end), each a time with a UTC offset.
    type: dict
  throttle:
    description: The limits, as for M(tetech.key_rotation.django_reencrypt). A number below 0 is refused.
    type: dict
    default: {}
  workers:
    description: Number of processes that re-encrypt at the same time. 0 means one for each core of the host.
    type: int
    default: 0
  application_rows:
    description: How many rows of each model the application will read before and after. 0 means all rows.
    type: int
    default: 0
"""
    # For modules that read a backup and restore a copy of it.
    RESTORING = r"""
options:
  admin:
    description:
      - The connection of a role that may create databases. Without it, the application's own connection.
      - Its password is in O(admin.passfile) or in the password file of the service, and nowhere else.
    type: dict
    suboptions:
      service:
        description: Name of a service in C(pg_service.conf) on the host. It replaces the application's host and role.
        type: str
      host:
        description: Host name, or folder of the socket.
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
        description: The database to connect to. It must not be the application's database.
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
    description: Can run in check mode and report what would change, without changing anything.
    support: full
  diff_mode:
    description: Shows key IDs in diff mode, never values.
    support: none
  idempotent:
    description: Running it again with the same rotation ID changes nothing.
    support: full
"""
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""
