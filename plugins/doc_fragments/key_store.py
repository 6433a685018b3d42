# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of key stores. The lookup reads them, and ``key_rotation_store`` has the same as its members."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  type:
    description:
      - V(vault_file) is a file in Ansible Vault's format on the control node.
      - V(hashi_vault) is HashiCorp Vault or OpenBao, a KV engine of version 2. It needs the Python package C(hvac).
      - V(aws_secrets_manager) is a secret of AWS Secrets Manager. It needs the Python package C(boto3).
    type: str
    default: vault_file
    env: [{name: KEY_ROTATION_STORE_TYPE}]
    ini: [{section: key_rotation_store, key: type}]
    vars: [{name: key_rotation_store_type}]
  path:
    description:
      - The file, the path of the secret inside O(mount), or the name or ARN of the secret.
      - The default of a V(vault_file) is C(.key_rotation/PROJECT/keys.vault.yml) next to the inventory. A relative path
        of such a file is relative to the folder of the inventory.
    type: str
    env: [{name: KEY_ROTATION_STORE_PATH}]
    ini: [{section: key_rotation_store, key: path}]
    vars: [{name: key_rotation_store_path}]
  vault_id:
    description:
      - For V(vault_file), the vault ID whose secret encrypts the file. The default for an existing file is the ID
        with which it is encrypted. The default for a new file is the first ID that Ansible was started with.
    type: str
    ini: [{section: key_rotation_store, key: vault_id}]
    vars: [{name: key_rotation_store_vault_id}]
  password_file:
    description:
      - For V(vault_file), a file with its own password, or a script that prints it, as Ansible accepts them. This
        collection never creates it.
    type: str
    ini: [{section: key_rotation_store, key: password_file}]
    vars: [{name: key_rotation_store_password_file}]
  url:
    description: Address of the server of a V(hashi_vault). It must use https, except for this machine.
    type: str
    env: [{name: VAULT_ADDR}, {name: BAO_ADDR}]
    ini: [{section: key_rotation_store, key: url}]
    vars: [{name: key_rotation_store_url}]
  mount:
    description: Mount path of the KV engine.
    type: str
    default: secret
    ini: [{section: key_rotation_store, key: mount}]
    vars: [{name: key_rotation_store_mount}]
  namespace:
    description: Namespace of the KV engine and of the login.
    type: str
    env: [{name: VAULT_NAMESPACE}, {name: BAO_NAMESPACE}]
    ini: [{section: key_rotation_store, key: namespace}]
    vars: [{name: key_rotation_store_namespace}]
  ca_cert:
    description: File with the CA certificates to trust. The default is the system's certificates.
    type: str
    env: [{name: VAULT_CACERT}, {name: BAO_CACERT}]
    ini: [{section: key_rotation_store, key: ca_cert}]
    vars: [{name: key_rotation_store_ca_cert}]
  auth_method:
    description:
      - How to log in to a V(hashi_vault).
      - V(token) needs O(token) or O(token_file). V(approle) needs O(role_id) and usually O(secret_id). V(jwt) needs
        O(role) and O(jwt) or O(jwt_file). V(kubernetes) needs O(role). V(cert) needs O(client_cert) and O(client_key).
    type: str
    default: token
    env: [{name: KEY_ROTATION_VAULT_AUTH_METHOD}]
    ini: [{section: key_rotation_store, key: auth_method}]
    vars: [{name: key_rotation_store_auth_method}]
  auth_mount:
    description: Mount path of the auth method. The default is its own name.
    type: str
    ini: [{section: key_rotation_store, key: auth_mount}]
    vars: [{name: key_rotation_store_auth_mount}]
  token:
    description: The token.
    type: str
    env: [{name: VAULT_TOKEN}, {name: BAO_TOKEN}]
    vars: [{name: key_rotation_store_token}]
  token_file:
    description: The file with the token, if O(token) is not set.
    type: str
    default: ~/.vault-token
    ini: [{section: key_rotation_store, key: token_file}]
    vars: [{name: key_rotation_store_token_file}]
  role_id:
    description: For V(approle), the RoleID.
    type: str
    env: [{name: VAULT_ROLE_ID}]
    vars: [{name: key_rotation_store_role_id}]
  secret_id:
    description:
      - For V(approle), the SecretID.
      - Each task logs in, more than twenty times in a rotation of one host. Its number of uses must be far above that,
        and it must be valid for longer than a rotation.
    type: str
    env: [{name: VAULT_SECRET_ID}]
    vars: [{name: key_rotation_store_secret_id}]
  role:
    description: For V(jwt), V(kubernetes) and V(cert), the role to log in as.
    type: str
    ini: [{section: key_rotation_store, key: role}]
    vars: [{name: key_rotation_store_role}]
  jwt:
    description: For V(jwt) and V(kubernetes), the token to log in with.
    type: str
    env: [{name: KEY_ROTATION_VAULT_JWT}]
    vars: [{name: key_rotation_store_jwt}]
  jwt_file:
    description: The file with O(jwt). The default for V(kubernetes) is the file of the pod's service account.
    type: str
    ini: [{section: key_rotation_store, key: jwt_file}]
    vars: [{name: key_rotation_store_jwt_file}]
  client_cert:
    description: For V(cert), the file with the client certificate.
    type: str
    env: [{name: VAULT_CLIENT_CERT}, {name: BAO_CLIENT_CERT}]
    ini: [{section: key_rotation_store, key: client_cert}]
    vars: [{name: key_rotation_store_client_cert}]
  client_key:
    description: File with the key of O(client_cert).
    type: str
    env: [{name: VAULT_CLIENT_KEY}, {name: BAO_CLIENT_KEY}]
    ini: [{section: key_rotation_store, key: client_key}]
    vars: [{name: key_rotation_store_client_key}]
  profile:
    description:
      - Profile of the AWS configuration. Credentials are never options. boto3 takes them from its usual sources, such
        as C(AWS_ACCESS_KEY_ID), the profile, or the role of the machine.
    type: str
    env: [{name: AWS_PROFILE}]
    ini: [{section: key_rotation_store, key: profile}]
    vars: [{name: key_rotation_store_profile}]
  region:
    description: AWS region of the secret. The default is the region of the profile.
    type: str
    env: [{name: AWS_REGION}, {name: AWS_DEFAULT_REGION}]
    ini: [{section: key_rotation_store, key: region}]
    vars: [{name: key_rotation_store_region}]
  endpoint_url:
    description: Address of Secrets Manager, if it is not the AWS address of the region, for example a VPC endpoint.
    type: str
    env: [{name: AWS_ENDPOINT_URL_SECRETS_MANAGER}, {name: AWS_ENDPOINT_URL}]
    ini: [{section: key_rotation_store, key: endpoint_url}]
    vars: [{name: key_rotation_store_endpoint_url}]
  timeout:
    description: Maximum number of seconds for a response of the server.
    type: int
    default: 15
    ini: [{section: key_rotation_store, key: timeout}]
    vars: [{name: key_rotation_store_timeout}]
"""
