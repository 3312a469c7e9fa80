#!/usr/bin/env bash
# Builds an image of the Dockerfile for real and runs it the way it is meant to be run: as its own user, every capability dropped,
# the root file system read only, /data and /tmp alone writable, a network of its own. Needs root, buildah, iproute2; no daemon.
#
#   deploy/check-image.sh [TARGET] [buildah bud options]      TARGET: cpu (the default) or cuda
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-cpu}
shift || true
image=loupe-check:$target

buildah bud --isolation chroot --format docker --layers --target "$target" -t "$image" "$@" .
container=$(buildah from "$image")
config=$(mktemp -d)
trap 'buildah rm "$container" >/dev/null; rm -rf "$config"' EXIT
root=$(buildah mount "$container")
mkdir -p "$root/etc/loupe"

openssl rand -hex 32 >"$config/line.token"
cat >"$config/loupe.yaml" <<'YAML'
grpc: {listen: "0.0.0.0:50051", trusted_network: true}
http: {listen: "0.0.0.0:8080", trusted_network: true}
mqtt: {embedded: {listen: "0.0.0.0:1883", trusted_network: true}}
auth: {tokens: [{name: line, token_file: /etc/loupe/line.token, rights: [ingest, read]}]}
YAML
chmod 755 "$config"
chmod 644 "$config"/*

# What the image itself says of how it is run.
says() { buildah inspect --type image --format "$1" "$image"; }
words='{{range .}}{{.}} {{end}}'
environment=$(says '{{range .Docker.Config.Env}}{{println .}}{{end}}')
user=$(says '{{.Docker.Config.User}}')
command=$(says "{{with .Docker.Config.Entrypoint}}$words{{end}}{{with .Docker.Config.Cmd}}$words{{end}}")
health=$(says '{{range $i, $word := .Docker.Config.Healthcheck.Test}}{{if $i}}{{$word}} {{end}}{{end}}')
[ "$(says '{{.Docker.Config.StopSignal}}')" = SIGTERM ]
export root config environment user command health

unshare --mount --net --pid --fork --propagation private bash -euo pipefail <<'INSIDE'
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$config" "$root/etc/loupe"
mount -t tmpfs -o mode=0755,uid="${user%:*}",gid="${user#*:}" data "$root/data"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root/etc/loupe"
mount -o remount,bind,ro "$root"

mapfile -t variables <<<"$environment"
become() {
  exec env -i "${variables[@]}" chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all sh -c "cd /app && exec $1"
}
for place in /app /etc /app/models; do
  if (become "touch $place/x" 2>/dev/null); then echo "$place can be written" && exit 1; fi
done
become "$command" &
service=$!
for _ in $(seq 120); do
  (become "$health" >/dev/null 2>&1) && break
  kill -0 "$service" || exit 1
  sleep 1
done
echo "health: $(become "$health")"
send='env LOUPE_TOKEN=$(cat /etc/loupe/line.token) LOUPE_MQTT_PASSWORD=$(cat /etc/loupe/line.token) node bin/loupe.js send'
golden=models/plate-demo/1/golden
(become "$send --grpc 127.0.0.1:50051 --camera check-grpc $golden")
(become "$send --mqtt mqtt://127.0.0.1:1883 --username line --camera check-mqtt $golden")
kill -TERM "$service"
wait "$service"
echo 'ended by SIGTERM with status 0'
(become 'node bin/loupe.js verify --store /data')
(become 'node bin/loupe.js doctor --config /etc/loupe/loupe.yaml') || true
INSIDE
echo "the $target image runs"
