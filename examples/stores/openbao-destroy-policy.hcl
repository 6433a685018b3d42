# Beside openbao-policy.hcl, only for who runs key_version with state: destroyed.
path "kv/destroy/food_ordering/keys/*" {
  capabilities = ["update"]
}
