#!/bin/bash
# A one-node Ceph (monitor, object store, S3 gateway) on loopback, from Debian's packages, as a real S3 server. For tests; needs root on Debian.
#
#   s3-ceph.sh install           once per machine, about 40 s and 0.6 GB
#   s3-ceph.sh up      PORT      a new server without data; it answers with a line "ready ..." and lives until its standard input ends (Ctrl+D), Ctrl+C, or the
#                                end of the calling process; then its data are deleted
#   s3-ceph.sh admin   PORT ...  radosgw-admin with these arguments on the server that is up there: other users, quotas
#   s3-ceph.sh remove            deletes what install made
#
# PORT is the first of a block of 16 free ports: S3 = PORT, monitor +1 and +2, object store +3 to +15. The access key is AKTEST, the secret key SKTESTSECRET.
# RABBITMQ_TEST_ROOT (default: rabbitmq-brokers in the temporary folder) holds the tree; MIRROR is the Debian archive (default: the one that this machine uses).
# The packages are unpacked into a tree of their own, with all that they depend on: nothing is installed on the machine.
set -euo pipefail

fail() { echo "s3-ceph.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

[ $# -ge 1 ] || usage
command=$1; shift
root=${RABBITMQ_TEST_ROOT:-${TMPDIR:-/tmp}/rabbitmq-brokers}
tree=$root/ceph

require_host() {
  [ "$(uname -s)" = Linux ] || fail "needs Linux, this is $(uname -s)"
  grep -qx 'ID=debian' /etc/os-release 2>/dev/null || fail "needs Debian, whose packages it installs"
  [ "$(id -u)" = 0 ] || fail "needs root: the server runs in its own root folder"
}
require_tree() { [ -x "$tree/usr/bin/radosgw" ] || fail "Ceph is not installed; run: s3-ceph.sh install"; }

# ---- install -------------------------------------------------------------------------------------------------------------------------------------------

install_tree() {
  mkdir -p "$root"
  exec 8> "$root/.install-ceph"; flock 8
  [ ! -x "$tree/usr/bin/radosgw" ] || return 0
  apt-cache policy | grep -q http || apt-get update -qq               # a new machine has no package lists
  local mirror=${MIRROR:-$(apt-cache policy | sed -n 's/^ *[0-9]* \(http[^ ]*\/debian\/\{0,1\}\) .*/\1/p' | head -n 1)}
  [ -n "$mirror" ] || fail "apt knows no Debian archive; name one in MIRROR"
  local suite
  for suite in sid trixie; do                                          # sid moves, and is sometimes not installable
    if unpack "$suite" "$mirror" > "$root/install-ceph.log" 2>&1; then
      rm -rf "$tree"; mv "$tree.partial" "$tree"                       # so a tree is either whole or not there
      return 0
    fi
  done
  fail "unpacking Ceph from $mirror failed: $(tail -n 3 "$root/install-ceph.log" | tr '\n' ' ')"
}
unpack() {
  local suite=$1 mirror=$2 partial=$tree.partial apt=$tree.partial/.apt dir file device
  rm -rf "$partial"
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,preferences} || return 1
  : > "$apt/status"                                                    # nothing is installed yet: so all dependencies come, the C library too
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
  cat > "$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::Lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list"; Dir::Etc::SourceParts "/dev/null"; Dir::Etc::PreferencesParts "$apt/preferences";
Acquire::Check-Valid-Until "false"; Acquire::Languages "none"; Acquire::Retries "3"; APT::Sandbox::User "root"; APT::Install-Recommends "false";
CONF
  APT_CONFIG=$apt/apt.conf apt-get update -qq || return 1
  APT_CONFIG=$apt/apt.conf apt-get install -y -qq --download-only --no-install-recommends ceph-mon ceph-osd radosgw ceph-common || return 1
  mkdir -p "$partial"/usr/{bin,sbin,lib,lib64}
  for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$partial/$dir"; done
  for file in "$apt"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink -C "$partial" || return 1
  done
  mkdir -p "$partial"/{dev,proc,tmp,var/lib/ceph-instances}; chmod 1777 "$partial/tmp"
  for device in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9"; do
    set -- $device
    [ -e "$partial/dev/$1" ] || mknod -m 666 "$partial/dev/$1" c "$2" "$3" || return 1
  done
  echo "127.0.0.1 localhost" > "$partial/etc/hosts"
  rm -rf "$apt"
}

# ---- up ------------------------------------------------------------------------------------------------------------------------------------------------

open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
claim_instance() {
  [[ ${1:-} =~ ^[0-9]+$ ]] && [ "$1" -ge 1024 ] && [ "$1" -le 65520 ] || fail "PORT is the first of 16 free ports, from 1024 to 65520" 2
  port=$1
  inside=/var/lib/ceph-instances/$port       # as the server sees it
  data=$tree$inside                          # as the host sees it
  exec 8> "$tree/var/lib/ceph-instances/.claim"; flock 8               # one caller at a time opens, takes and deletes locks
  local lock other offset
  for lock in "$tree"/var/lib/ceph-instances/*.lock; do                # data of servers whose supervisor was killed
    other=${lock%.lock}
    [ ! -e "$lock" ] || flock -n "$lock" rm -rf --one-file-system "$other" "$lock" || true
  done
  exec 9> "$data.lock"
  flock -n 9 || fail "port block $port is in use by another server" 75
  exec 8>&-
  for offset in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    ! open $((port + offset)) || fail "port $((port + offset)) is in use" 75
  done
}
write_configuration() {
  mkdir -p "$data"/{mon,osd,log}
  cat > "$data/ceph.conf" <<CONF
[global]
fsid = $cluster
mon_initial_members = a
mon_host = [v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
public_addr = 127.0.0.1
public_network = 127.0.0.0/8
cluster_network = 127.0.0.0/8
ms_bind_ipv6 = false
ms_bind_port_min = $((port + 3))
ms_bind_port_max = $((port + 15))
mon_data = $inside/mon
osd_data = $inside/osd
run_dir = $inside
admin_socket = $inside/\$name.asok
log_file = $inside/log/\$name.log
crash_dir = $inside
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_data_avail_crit = 1
# One monitor has nobody to wait for.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_objectstore = bluestore
bluestore_block_size = 16106127360
osd_memory_target = 939524096
[mon]
keyring = $inside/mon.keyring
[osd]
keyring = $inside/osd/keyring
[client]
keyring = $inside/admin.keyring
rgw_frontends = beast endpoint=127.0.0.1:$port
debug_rgw = 0
CONF
}
tool() { chroot "$tree" "$1" -c "$inside/ceph.conf" "${@:2}"; }
# setpriv: where this shell is killed, the kernel kills the daemon. The lock of descriptor 9 stays with the shell.
daemon() {
  setpriv --pdeathsig KILL chroot "$tree" "$1" -c "$inside/ceph.conf" -f "${@:2}" > "$data/log/$1.out" 2>&1 < /dev/null 9>&- &
  daemons="$! ${daemons:-}"
}
start_server() {
  local osd; osd=$(cat /proc/sys/kernel/random/uuid); cluster=$(cat /proc/sys/kernel/random/uuid)
  write_configuration
  local keyring=$inside/mon.keyring admin=$inside/admin.keyring
  chroot "$tree" ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
  chroot "$tree" ceph-authtool --create-keyring "$admin" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  chroot "$tree" ceph-authtool "$keyring" --import-keyring "$admin"
  chroot "$tree" monmaptool --create --addv a "[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]" --fsid "$cluster" "$inside/monmap"
  tool ceph-mon --mkfs -i a --monmap "$inside/monmap" --keyring "$keyring"
  daemon ceph-mon -i a
  tool ceph --connect-timeout 30 osd new "$osd"
  tool ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' mgr 'allow *' -o "$inside/osd/keyring"
  tool ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  daemon ceph-osd -i 0
  wait_for 30 osd_is_up
  tool radosgw-admin user create --uid=test --display-name=test --access-key=AKTEST --secret-key=SKTESTSECRET
  # Else the gateway makes them at the first request that needs one, and may refuse that.
  local pool
  for pool in index data non-ec; do tool ceph osd pool create "default.rgw.buckets.$pool" 4; done
  daemon radosgw -n client.admin
  wait_for 60 gateway_answers
}
osd_is_up() { tool ceph osd stat 2> /dev/null | grep -q '1 up'; }
gateway_answers() {
  local line=
  { exec 3<> "/dev/tcp/127.0.0.1/$port"; } 2> /dev/null || return 1
  printf 'GET / HTTP/1.0\r\n\r\n' >&3
  read -r -t 5 line <&3 || true
  exec 3>&-
  [[ $line == *" 200 "* ]]
}
wait_for() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || { echo "$1 did not come in time"; return 1; }
    sleep 0.1
  done
}
finish() {
  local pid
  for pid in ${daemons:-}; do                                          # the gateway first, then the object store, then the monitor
    kill -KILL "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  rm -rf --one-file-system "$data" "$data.lock"
}

# --------------------------------------------------------------------------------------------------------------------------------------------------------

case $command in
install)
  require_host
  install_tree
  ;;
up)
  require_host; require_tree; claim_instance "$@"
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$data/log"
  start_server > "$data/log/start" 2>&1 || { echo "failed Ceph did not come up: $(tail -n 15 "$data/log/start" | tr -s '\n ' ' ')"; exit 1; }
  echo "ready S3 on http://127.0.0.1:$port"
  while read -r _; do :; done
  ;;
admin)
  require_host; require_tree
  [[ ${1:-} =~ ^[0-9]+$ ]] || fail "PORT is that of a server that is up" 2
  inside=/var/lib/ceph-instances/$1; shift
  [ -f "$tree$inside/ceph.conf" ] || fail "no server is up on port ${inside##*/}"
  tool radosgw-admin "$@"
  ;;
remove)
  require_host
  rm -rf --one-file-system "$tree" "$tree.partial"
  ;;
*) usage ;;
esac
