#!/bin/bash
# Real RabbitMQ nodes of three generations on loopback, side by side, from Debian's packages. For tests, samples and benchmarks; needs root on Debian.
#
#   brokers.sh install VERSION           VERSION: 3.10 (bookworm) | 4.0 (trixie) | 4.3 (sid); once per machine, about 40 s
#   brokers.sh up      VERSION PORT [FIRST]
#                                        a new node, which joins the cluster of the node on FIRST, if one is given; it lives as long as this command, which
#                                        reads orders from its standard input:
#                                          stop (orderly) | kill (as a power cut does) | start (again, with its data)
#                                        and answers each with a line: "ready ...", "stopped" or "failed ...". End of input (Ctrl+D), Ctrl+C or the end
#                                        of the calling process end the node and delete its data.
#   brokers.sh ctl     VERSION PORT TOOL ...    rabbitmqctl, rabbitmq-plugins, rabbitmq-queues ... against a running node
#   brokers.sh down    VERSION PORT      ends a node that was started elsewhere
#   brokers.sh remove  VERSION           deletes what install made
#
# PORT is the first of a block of 16 free ports: AMQP = PORT, management +1, stream +2, distribution +3, epmd +4, command line tools +5 to +15.
# RABBITMQ_TEST_ROOT (default: rabbitmq-brokers in the temporary folder) holds one tree per version; EXTRA_CONF is appended to rabbitmq.conf; MIRROR is the
# Debian archive (default: the one that this machine uses). guest/guest is the administrator.
# With RABBITMQ_TEST_DATA=memory a node's messages and metadata lie in memory, where there are 8 GB to spare (not with RABBITMQ_TEST_LONG, whose queues are
# large): the tests wait for thousands of fsyncs else. It proves the same, since a node that is killed never loses what it has written, synced or not; only
# a machine does. They live as long as "up" does, and so outlast "kill" and "start".
#
# Each node has its own data, cookie and ports, and its own PID and mount namespaces: nothing is mounted outside of them, and the end of the namespace's
# first process takes every process of the node with it. So any number of callers share a tree without knowing of each other. epmd, which tells the nodes of a
# cluster each other's ports, belongs to the first one's "up" and not to its node, so that the others find each other while that is dead.
set -euo pipefail

fail() { echo "brokers.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
command=$1 version=$2; shift 2
case $version in
  3.10) suite=bookworm ;;
  4.0) suite=trixie ;;
  4.3) suite=sid ;;
  *) fail "unknown version $version; there are 3.10, 4.0 and 4.3" 2 ;;
esac
root=${RABBITMQ_TEST_ROOT:-${TMPDIR:-/tmp}/rabbitmq-brokers}
tree=$root/$suite
tools=/usr/lib/rabbitmq/bin              # inside the tree

require_host() {
  [ "$(uname -s)" = Linux ] || fail "needs Linux, this is $(uname -s)"
  grep -qx 'ID=debian' /etc/os-release 2>/dev/null || fail "needs Debian, whose packages it installs"
  [ "$(id -u)" = 0 ] || fail "needs root: the node runs in its own root folder and namespaces"
  unshare --pid --mount --fork true 2>/dev/null || fail "needs the right to make PID and mount namespaces (a container has it only with --privileged)"
}
require_tree() { [ -x "$tree$tools/rabbitmq-server" ] || fail "RabbitMQ $version is not installed; run: brokers.sh install $version"; }
is_port() { [[ ${1:-} =~ ^[0-9]+$ ]] && [ "$1" -ge 1024 ] && [ "$1" -le 65520 ]; }
instance() {
  is_port "${1:-}" || fail "PORT is the first of 16 free ports, from 1024 to 65520" 2
  port=$1
  inside=/var/lib/rabbitmq-instances/$port   # as the node sees it
  data=$tree$inside                          # as the host sees it
}
join_cluster() {   # of the node on this port, or none
  first=${1:-$port}
  is_port "$first" || fail "FIRST is the port of the node whose cluster is to be joined" 2
  [ "$first" = "$port" ] || open $((first + 4)) || fail "there is no node on port $first to join"
}
in_namespace() { unshare --pid --mount --fork --kill-child --root="$tree" --mount-proc env -i "${environment[@]}" "$@"; }

# ---- install -------------------------------------------------------------------------------------------------------------------------------------------

install_tree() {
  mkdir -p "$root"
  exec 8> "$root/.install-$suite"; flock 8
  [ ! -x "$tree$tools/rabbitmq-server" ] || return 0
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3) partial=$tree.partial
  apt-cache policy | grep -q http || "${apt[@]}" update                # a new machine has no package lists
  command -v debootstrap > /dev/null || { "${apt[@]}" update; "${apt[@]}" install -y debootstrap > /dev/null; }
  local mirror=${MIRROR:-$(apt-cache policy | sed -n 's/^ *[0-9]* \(http[^ ]*\/debian\/\{0,1\}\) .*/\1/p' | head -n 1)}
  [ -n "$mirror" ] || fail "apt knows no Debian archive; name one in MIRROR"
  delete_tree "$partial"                                               # the rest of an attempt that was killed
  debootstrap --variant=minbase "$suite" "$partial" "$mirror" > "$root/install-$suite.log" 2>&1 ||
    fail "debootstrap $suite from $mirror failed: $(tail -n 3 "$root/install-$suite.log" | tr '\n' ' ')"
  printf '#!/bin/sh\nexit 101\n' > "$partial/usr/sbin/policy-rc.d"     # no service may start by itself at installation
  chmod +x "$partial/usr/sbin/policy-rc.d"
  echo 'Acquire::Check-Valid-Until "false";' > "$partial/etc/apt/apt.conf.d/99valid-until"   # a mirror's index of sid can lie past its date
  { chroot "$partial" "${apt[@]}" update &&
    DEBIAN_FRONTEND=noninteractive chroot "$partial" "${apt[@]}" install -y --no-install-recommends rabbitmq-server; } >> "$root/install-$suite.log" 2>&1 ||
    fail "installing rabbitmq-server of $suite failed: $(tail -n 3 "$root/install-$suite.log" | tr '\n' ' ')"
  grep -q '^127.0.0.1.*localhost' "$partial/etc/hosts" 2> /dev/null || echo '127.0.0.1 localhost' >> "$partial/etc/hosts"
  mv "$partial" "$tree"                                                # so a tree is either whole or not there
}
delete_tree() {
  [ -e "$1" ] || return 0
  ! mountpoint -q "$1/proc" || umount "$1/proc"
  rm -rf --one-file-system "$1"
}
instances_alive() {   # by the locks that their supervisors hold
  local lock
  for lock in "$tree"/var/lib/rabbitmq-instances/*.lock; do
    [ ! -e "$lock" ] || flock -n "$lock" true || return 0
  done
  return 1
}

# ---- up ------------------------------------------------------------------------------------------------------------------------------------------------

wants_memory() {
  [ "${RABBITMQ_TEST_DATA:-}" = memory ] && [ -z "${RABBITMQ_TEST_LONG:-}" ] || return 1
  local limit; limit=$(cat /sys/fs/cgroup/memory.max 2> /dev/null || echo max)
  [ "$limit" = max ] || [ "$limit" -ge 8000000000 ] || return 1
  [ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -ge 8000000 ]
}

claim_instance() {
  mkdir -p "$tree/var/lib/rabbitmq-instances"
  exec 8> "$tree/var/lib/rabbitmq-instances/.claim"; flock 8           # one caller at a time opens, takes and deletes locks
  local lock other
  for lock in "$tree"/var/lib/rabbitmq-instances/*.lock; do            # data of nodes whose supervisor was killed
    other=${lock%.lock}
    [ ! -e "$lock" ] || flock -n "$lock" rm -rf --one-file-system "$other" "$lock" || true
  done
  exec 9> "$data.lock"
  flock -n 9 || fail "port block $port is in use by another node" 75
  exec 8>&-
  local offset
  for offset in 0 1 2 3 4; do
    ! open $((port + offset)) || fail "port $((port + offset)) is in use" 75
  done
}
write_configuration() {
  mkdir -p "$data/mnesia" "$data/log"
  [ -z "${own_mounts:-}" ] || mount -t tmpfs -o size=4g tmpfs "$data/mnesia" || true      # the disk does as well
  echo LOOPBACKCOOKIE > "$data/.erlang.cookie"; chmod 400 "$data/.erlang.cookie"
  echo '[rabbitmq_management,rabbitmq_stream,rabbitmq_shovel,rabbitmq_federation].' > "$data/enabled_plugins"
  cat > "$data/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 1))
stream.listeners.tcp.1 = 127.0.0.1:$((port + 2))
stream.advertised_host = 127.0.0.1
stream.advertised_port = $((port + 2))
disk_free_limit.absolute = 200MB
CONF
  [ "$first" = "$port" ] || printf 'cluster_formation.classic_config.nodes.%s\n' "1 = $(node_name "$first")" "2 = $(node_name "$port")" >> "$data/rabbitmq.conf"
  echo "${EXTRA_CONF:-}" >> "$data/rabbitmq.conf"
  echo "$first" > "$data/first"
}
node_name() { [ "$1" = "$first" ] && echo rabbit@localhost || echo "rabbit-$1@localhost"; }
# Without the +sbw switches the schedulers of an idle node spin for a while after each message: on two cores that is the time of the program under test.
set_environment() {
  environment=(
    HOME="$inside" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((first + 4))
    RABBITMQ_NODENAME="$(node_name "$port")" RABBITMQ_DIST_PORT=$((port + 3))
    RABBITMQ_CTL_DIST_PORT_MIN=$((port + 5)) RABBITMQ_CTL_DIST_PORT_MAX=$((port + 15))
    RABBITMQ_CONF_ENV_FILE="$inside/none" RABBITMQ_CONFIG_FILE="$inside/rabbitmq" RABBITMQ_ADVANCED_CONFIG_FILE="$inside/advanced.config"
    RABBITMQ_MNESIA_BASE="$inside/mnesia" RABBITMQ_LOG_BASE="$inside/log" RABBITMQ_ENABLED_PLUGINS_FILE="$inside/enabled_plugins"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
  )
}
open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
management_answers() {
  local line=
  { exec 3<> "/dev/tcp/127.0.0.1/$((port + 1))"; } 2> /dev/null || return 1
  printf 'GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n' >&3     # guest:guest
  read -r -t 5 line <&3 || true
  exec 3>&-
  [[ $line == *" 200 "* ]]
}
in_background() {   # setpriv: where this shell is killed, the kernel kills unshare, and unshare's end kills the namespace
  setpriv --pdeathsig KILL unshare --pid --mount --fork --kill-child --root="$tree" --mount-proc env -i "${environment[@]}" "$@" < /dev/null 9>&- &
}
start_epmd() {
  [ "$first" = "$port" ] || return 0
  in_background epmd > "$data/log/epmd" 2>&1
  epmd=$!
  until open $((port + 4)); do
    kill -0 "$epmd" 2> /dev/null || fail "epmd did not start: $(cat "$data/log/epmd")"
    sleep 0.02
  done
}
start_node() {
  in_background "$tools/rabbitmq-server" > "$data/log/out" 2>&1
  node=$!
  local deadline=$((SECONDS + 120))
  until open "$port" && open $((port + 2)) && management_answers; do
    kill -0 "$node" 2> /dev/null && [ $SECONDS -lt $deadline ] || { answer_failed; return 0; }
    sleep 0.1
  done
  echo "ready RabbitMQ $version: amqp $port, management $((port + 1)), stream $((port + 2))"
}
answer_failed() {
  kill_node
  echo "failed the node did not come up: $(tail -n 15 "$data/log/out" | tr -s '\n ' ' ')"
}
first_process() { cat "/proc/$1/task/$1/children" 2> /dev/null || true; }   # of the namespace: rabbitmq-server
kill_namespaces() {   # side by side: the kernel takes its time for each
  [ $# -gt 0 ] || return 0
  local process inits=
  for process; do inits+=" $(first_process "$process")"; done
  kill -KILL "$@" 2> /dev/null || true
  wait "$@" 2> /dev/null || true
  for process in $inits; do
    while kill -0 "$process" 2> /dev/null; do sleep 0.02; done    # it goes last: only then are the ports free
  done
}
kill_node() {
  kill_namespaces ${node:-}
  node=
}
stop_node() {
  [ -n "${node:-}" ] || return 0
  kill -TERM $(first_process "$node") 2> /dev/null || true
  local deadline=$((SECONDS + 60))
  while kill -0 "$node" 2> /dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
  kill_node
}
finish() {
  kill_namespaces ${node:-} ${epmd:-}
  ! mountpoint -q "$data/mnesia" || umount -l "$data/mnesia"
  rm -rf --one-file-system "$data" "$data.lock"
}
supervise() {
  local order
  while read -r order; do
    case $order in
      start) [ -n "${node:-}" ] && echo "failed it is running" || start_node ;;
      stop) stop_node; echo stopped ;;
      kill) kill_node; echo stopped ;;
      *) echo "failed unknown order $order" ;;
    esac
  done
}

# --------------------------------------------------------------------------------------------------------------------------------------------------------

case $command in
install)
  require_host
  install_tree
  ;;
up)
  require_host; require_tree; instance "$@"
  # In a mount namespace of this shell's own, so that nothing is left of the data however it ends.
  if [ -z "${own_mounts:-}" ] && wants_memory; then own_mounts=yes exec unshare --mount bash "$0" up "$version" "$@"; fi
  join_cluster "${2:-}"
  claim_instance
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  write_configuration
  set_environment
  echo $$ > "$data/supervisor"
  start_epmd
  start_node
  [ -n "${node:-}" ] || exit 1
  supervise
  ;;
ctl)
  require_host; require_tree; instance "$@"; shift
  [ -d "$data" ] || fail "there is no node on port $port"
  first=$(cat "$data/first")
  set_environment
  in_namespace "$tools/$1" "${@:2}"
  ;;
down)
  require_tree; instance "$@"
  [ -f "$data/supervisor" ] || fail "there is no node on port $port"
  kill -TERM "$(cat "$data/supervisor")"
  ;;
remove)
  require_host
  ! instances_alive || fail "a node of RabbitMQ $version is up"
  delete_tree "$tree"
  ;;
*) usage ;;
esac
