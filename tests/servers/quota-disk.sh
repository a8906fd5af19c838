#!/bin/bash
# A small file system with a quota of its own (btrfs, in a file), whose quota the kernel enforces with EDQUOT, for root as well. For tests; needs root on Debian, and btrfs in the kernel.
#
#   quota-disk.sh install                 once per machine, about 3 s and 6 MB: btrfs-progs, unpacked into a folder of its own
#   quota-disk.sh mount FOLDER BYTES      makes the file system and mounts it; FOLDER/store is what the quota is for
#   quota-disk.sh limit FOLDER BYTES      another quota for FOLDER/store
#   quota-disk.sh unmount FOLDER          ends it; nothing is left but FOLDER, empty
#   quota-disk.sh remove                  deletes what install made
#
# RABBITMQ_TEST_ROOT (default: rabbitmq-brokers in the temporary folder) holds the programs; the file system lies in /dev/shm, FOLDER's name in its name.
set -euo pipefail

fail() { echo "quota-disk.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

[ $# -ge 1 ] || usage
command=$1; shift
root=${RABBITMQ_TEST_ROOT:-${TMPDIR:-/tmp}/rabbitmq-brokers}
tree=$root/btrfs
image() { echo "/dev/shm/quota-disk-$(basename "$1").img"; }

require_host() {
  [ "$(uname -s)" = Linux ] || fail "needs Linux, this is $(uname -s)"
  grep -qx 'ID=debian' /etc/os-release 2>/dev/null || fail "needs Debian, whose packages it takes"
  [ "$(id -u)" = 0 ] || fail "needs root: it mounts a file system"
  [ -e /dev/loop-control ] || fail "needs loop devices"
  grep -qw btrfs /proc/filesystems || modprobe btrfs 2> /dev/null || fail "the kernel has no btrfs"
}
install_tree() {
  mkdir -p "$root"
  exec 8> "$root/.install-btrfs"; flock 8
  [ ! -x "$tree/bin/btrfs" ] || return 0
  apt-cache policy | grep -q http || apt-get update -qq               # a new machine has no package lists
  rm -rf "$tree.partial" "$tree"; mkdir -p "$tree.partial"
  local package
  (
    cd "$tree.partial"
    apt-get download -qq -o APT::Sandbox::User=root btrfs-progs liblzo2-2
    for package in *.deb; do dpkg-deb -x "$package" .; done
  ) > "$root/install-btrfs.log" 2>&1 || fail "unpacking btrfs-progs failed: $(tail -n 3 "$root/install-btrfs.log" | tr '\n' ' ')"
  mv "$tree.partial" "$tree"                                           # so it is either whole or not there
}
tool() { LD_LIBRARY_PATH=$(echo "$tree"/{usr/,}lib/*-linux-gnu | tr ' ' :) PATH=$tree/sbin:$tree/bin:$PATH "$@"; }

case $command in
install) require_host; install_tree ;;
mount)
  require_host
  [ -x "$tree/bin/btrfs" ] || fail "it is not installed; run: quota-disk.sh install"
  folder=$1 bytes=$2
  truncate -s 150M "$(image "$folder")"
  {
    tool mkfs.btrfs -q --mixed "$(image "$folder")" && mount -o loop "$(image "$folder")" "$folder" && tool btrfs quota enable "$folder" &&
      tool btrfs subvolume create "$folder/store" && tool btrfs qgroup limit "$bytes" "$folder/store"
  } > "$root/quota-disk.log" 2>&1 || { rm -f "$(image "$folder")"; fail "no file system with a quota can be made here: $(tail -n 1 "$root/quota-disk.log")"; }
  ;;
limit) tool btrfs qgroup limit "$2" "$1/store" ;;
unmount) umount -l "$1"; rm -f "$(image "$1")" ;;
remove) rm -rf --one-file-system "$tree" "$tree.partial" ;;
*) usage ;;
esac
