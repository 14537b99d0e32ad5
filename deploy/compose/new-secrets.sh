#!/bin/sh
# Make the secrets of compose.yaml, once: deploy/compose/new-secrets.sh [FOLDER]
set -eu
umask 077
folder=${1:-"$(dirname "$0")/../secrets"}
mkdir "$folder" # ends here if there are some already: new ones would open nothing
cd "$folder"

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# Each container reads them as a user of its own, so they are readable, in a folder that only you may enter.
write() {
    printf '%s\n' "$2" >"$1"
    chmod 444 "$1"
}

database=$(random) redis=$(random) s3=$(random)
write postgres_password "$(random)"
write database_password "$database"
write ledger_url "postgresql://alumniq:$database@postgres/ledger"
write warehouse_url "postgresql://alumniq:$database@postgres/warehouse"
write redis_config "requirepass $redis"
write celery_broker_url "redis://:$redis@redis:6379/0"
write s3_secret_access_key "$s3"
write s3_config '{"identities": [{"name": "alumniq", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "alumniq", "secretKey": "'"$s3"'"}]}]}'
write signing_key "$(random)"
write encryption_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
echo "Made in $PWD. Keep a copy of signing_key and encryption_key elsewhere."
