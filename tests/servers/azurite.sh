#!/bin/bash
# Azurite, the Azure Blob server of Microsoft's own tests, on loopback, from npm. For tests; needs Node.js with npm.
#
#   azurite.sh install           once per machine, about 45 s and 365 MB
#   azurite.sh up      PORT      a new server without data; it answers with a line "ready ..." and lives until its standard input ends (Ctrl+D), Ctrl+C, or the
#                                end of the calling process; then its data are deleted
#   azurite.sh remove            deletes what install made
#
# The account is devstoreaccount1 with its published development key. RABBITMQ_TEST_ROOT (default: rabbitmq-brokers in the temporary folder) holds the packages.
set -euo pipefail

fail() { echo "azurite.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

[ $# -ge 1 ] || usage
command=$1; shift
root=${RABBITMQ_TEST_ROOT:-${TMPDIR:-/tmp}/rabbitmq-brokers}
tree=$root/azurite
program=$tree/node_modules/azurite/dist/src/blob/main.js

install_tree() {
  [ ! -f "$program" ] || return 0
  command -v npm > /dev/null || fail "needs npm, which comes with Node.js"
  mkdir -p "$root"
  exec 8> "$root/.install-azurite"; flock 8
  [ ! -f "$program" ] || return 0
  rm -rf "$tree.partial" "$tree"; mkdir -p "$tree.partial"
  (cd "$tree.partial" && npm install --no-audit --no-fund --silent azurite@3.37.0) > "$root/install-azurite.log" 2>&1 ||
    fail "npm install azurite failed: $(tail -n 3 "$root/install-azurite.log" | tr '\n' ' ')"
  mv "$tree.partial" "$tree"                                           # so it is either whole or not there
}
open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
start_server() {
  # The SDK's API version is newer than Azurite's, hence the flag; telemetry is on by default. setpriv: where this shell is killed, the kernel kills the server.
  setpriv --pdeathsig KILL node "$program" --blobHost 127.0.0.1 --blobPort "$port" --location "$data" \
    --silent --disableTelemetry --skipApiVersionCheck > "$data/out" 2>&1 < /dev/null &
  server=$!
  local deadline=$((SECONDS + 60))
  until open "$port"; do
    kill -0 "$server" 2> /dev/null && [ $SECONDS -lt $deadline ] || { echo "failed Azurite did not come up: $(tail -n 15 "$data/out" | tr -s '\n ' ' ')"; exit 1; }
    sleep 0.1
  done
}
finish() {
  kill -KILL "${server:-}" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf --one-file-system "$data"
}

case $command in
install) install_tree ;;
up)
  [[ ${1:-} =~ ^[0-9]+$ ]] && [ "$1" -ge 1024 ] && [ "$1" -le 65535 ] || fail "PORT is a free port, from 1024 to 65535" 2
  port=$1
  [ -f "$program" ] || fail "Azurite is not installed; run: azurite.sh install"
  ! open "$port" || fail "port $port is in use" 75
  data=$(mktemp -d "${TMPDIR:-/tmp}/azurite-XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  start_server
  echo "ready Azure Blob on http://127.0.0.1:$port/devstoreaccount1"
  while read -r _; do :; done
  ;;
remove) rm -rf --one-file-system "$tree" "$tree.partial" ;;
*) usage ;;
esac
