#!/usr/bin/env bash
# Makes what deploy/compose.yaml keeps secret, in deploy/secrets: a random token or password per file, and Mosquitto's file of
# hashed passwords. What is there already stays; to renew one, delete it, run this again and restart the services.
#
#   deploy/make-secrets.sh [FOLDER]
set -euo pipefail
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
# The folder keeps other users of this machine out. The files can be read by all, because each container's own user must.
chmod 700 "$folder"
cd "$folder"

for name in line prometheus mqtt grafana; do
  [ -s "$name.txt" ] || openssl rand -hex 32 >"$name.txt"
done

# User names at the broker: `loupe` for the service, `line` for cameras and PLC gateways.
printf 'loupe:%s\nline:%s\n' "$(<mqtt.txt)" "$(<line.txt)" >mosquitto-passwords.new
if command -v mosquitto_passwd >/dev/null; then
  mosquitto_passwd -U mosquitto-passwords.new
else
  docker run --rm -v "$PWD:/secrets" eclipse-mosquitto:2.0.22 mosquitto_passwd -U /secrets/mosquitto-passwords.new
fi
mv mosquitto-passwords.new mosquitto-passwords.txt
chmod 644 ./*.txt
echo "$PWD: $(ls | tr '\n' ' ')"
