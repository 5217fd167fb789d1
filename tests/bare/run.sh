#!/usr/bin/env bash
# Proves that ./dev works on a bare machine: makes a fresh Debian 12 root with debootstrap, clones the
# checkout's HEAD into it and runs ./dev commands there, with no user but root, no locale, nothing
# installed and nothing of this machine but its network settings.
#
# All mounts are made in a mount namespace of their own. They end with its last process, however it
# ends, and the cleanup, which runs outside, cannot walk into them.
set -euo pipefail

usage() {
  cat <<'END'
usage: ./dev test-bare [OPTIONS] [STEPS…]      (as root)

STEPS is a comma-separated list of ./dev commands for one fresh root; each list gets its own root.
Default: demo,test and test,demo.

  --keep         keep the roots and say where they are
  --cache DIR    keep the debootstrap tarball here (default build/cache/bare); delete it to renew
  --folder DIR   make the roots below DIR (default: TMPDIR or /tmp); 6 GB each
END
}

suite=bookworm
keep=
here=$(readlink -f "${BASH_SOURCE[0]}")
checkout=$(dirname "$(dirname "$(dirname "$here")")")
cache=$checkout/build/cache/bare
base=${TMPDIR:-/tmp}

# "URI SUITE" for Debian's repositories of this suite, as this machine's apt reaches them.
debian_repositories() {
  # shellcheck disable=SC2016  # The format's variables are apt's.
  apt-get indextargets --format '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)' |
    awk -v suite="$suite" '$1 == "Packages" && $4 == "main" &&
      ($3 == suite || $3 == suite "-updates" || $3 == suite "-security") { print $2, $3 }' |
    sort -u
}

make_tarball() {
  local tarball=$1 mirror folder
  mirror=$(debian_repositories | awk -v suite="$suite" '$2 == suite { print $1; exit }')
  [ -n "$mirror" ] || { printf 'test-bare: no apt source for %s\n' "$suite" >&2; return 1; }
  folder=$(mktemp -d "$base/batchsql-debootstrap-XXXXXX")
  printf 'test-bare: debootstrap %s\n' "$suite"
  if debootstrap --variant=minbase "$suite" "$folder/root" "$mirror" >"$folder/log"; then
    mkdir -p "$cache"
    tar -C "$folder/root" --exclude='./var/cache/apt/archives/*.deb' -cf "$tarball.new" .
    mv "$tarball.new" "$tarball"
  else
    tail -n 30 "$folder/log" >&2
  fi
  rm -rf --one-file-system "$folder"
  [ -f "$tarball" ]
}

# What this machine needs to reach the package registries, and nothing more.
copy_network_settings() {
  local into=$1 file
  cp -L /etc/resolv.conf "$into/etc/resolv.conf"
  debian_repositories | sed 's/.*/deb & main/' >"$into/etc/apt/sources.list"
  for file in /etc/apt/apt.conf.d/* /etc/apt/apt.conf; do
    if [ -f "$file" ] && grep -q 'Acquire::' "$file"; then
      cp "$file" "$into/etc/apt/apt.conf.d/"
    fi
  done
  [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$into/etc/pip.conf"
  cat /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc "${HOME:-/root}/.npmrc" 2>/dev/null |
    grep -E '^(registry|proxy|https-proxy|noproxy) *=' >"$into/root/.npmrc" || true
  # A bundle under its own name: the package ca-certificates, not there yet, owns the usual one.
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    cp /etc/ssl/certs/ca-certificates.crt "$into/etc/host-certificates.crt"
  fi
}

network_environment() {
  env -0 | grep -zE '^(https?_proxy|no_proxy|all_proxy|HTTPS?_PROXY|NO_PROXY|ALL_PROXY|PIP_[A-Z_]+)=' |
    grep -zvE '^PIP_(CERT=|FIND_LINKS=/)' || true
  env -0 | grep -ziE '^npm_config_(registry|proxy|https_proxy|noproxy)=' || true
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    printf 'PIP_CERT=/etc/host-certificates.crt\0NODE_EXTRA_CA_CERTS=/etc/host-certificates.crt\0'
  fi
}

make_root() {
  local into=$1
  mkdir -p "$into"
  tar -C "$into" -xf "$cache/$suite.tar"
  copy_network_settings "$into"
  printf '#!/bin/sh\nexit 101\n' >"$into/usr/sbin/policy-rc.d"
  chmod 755 "$into/usr/sbin/policy-rc.d"
  git clone --quiet --no-hardlinks "$checkout" "$into/root/batchsqld"
}

# Runs in a mount namespace of its own: mounts, then one command in the root.
inside() {
  local into=$1
  shift
  mount -t proc proc "$into/proc"
  mount --bind /dev "$into/dev"
  local environment=()
  mapfile -d '' environment < <(network_environment)
  exec chroot "$into" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    "${environment[@]}" bash -c "cd /root/batchsqld && exec ./dev $1" </dev/null
}

processes_in() {
  local link
  for link in /proc/[0-9]*/root; do
    if [ "$(readlink "$link" 2>/dev/null)" = "$1" ]; then
      link=${link%/root}
      printf '%s\n' "${link#/proc/}"
    fi
  done
}

# Whatever a step started must be gone after it; helpers that clean up get a moment.
check_nothing_left() {
  local into=$1 left tries
  for ((tries = 0; tries < 50; tries++)); do
    left=$(processes_in "$into")
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  printf 'test-bare: processes left behind: %s\n' "$left" >&2
  return 1
}

run_steps() {
  local into=$1 step begun
  shift
  for step in "$@"; do
    begun=$SECONDS
    printf '\n===== bare root: ./dev %s =====\n' "$step"
    unshare --mount --propagation private bash "$here" --inside "$into" "$step" || return 1
    check_nothing_left "$into" || return 1
    printf '===== bare root: ./dev %s: ok in %d s =====\n' "$step" "$((SECONDS - begun))"
  done
}

folder=
clean_up() {
  local pids
  [ -n "$folder" ] || return 0
  if [ -n "$keep" ]; then
    printf 'test-bare: kept %s\n' "$folder"
    return 0
  fi
  mapfile -t pids < <(processes_in "$folder/root")
  [ "${#pids[@]}" -eq 0 ] || kill -9 "${pids[@]}" || true
  rm -rf --one-file-system "$folder"
}

main() {
  local lists=() list steps
  while [ $# -gt 0 ]; do
    case $1 in
      --keep) keep=yes ;;
      --cache) cache=$(realpath -m "${2:?--cache needs a folder}"); shift ;;
      --folder) base=$(realpath "${2:?--folder needs a folder}"); shift ;;
      -h | --help) usage; return 0 ;;
      -*) usage >&2; return 2 ;;
      *) lists+=("$1") ;;
    esac
    shift
  done
  [ "${#lists[@]}" -gt 0 ] || lists=('demo,test' 'test,demo')
  [ "$(id -u)" -eq 0 ] || { printf 'test-bare: chroot and mount need root\n' >&2; return 1; }

  [ -f "$cache/$suite.tar" ] || make_tarball "$cache/$suite.tar"
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  for list in "${lists[@]}"; do
    folder=$(mktemp -d "$base/batchsql-bare-XXXXXX")
    make_root "$folder/root"
    IFS=, read -ra steps <<<"$list"
    run_steps "$folder/root" "${steps[@]}"
    clean_up
    folder=
  done
  printf 'test-bare: ok: %s\n' "${lists[*]}"
}

if [ "${1-}" = --inside ]; then
  shift
  inside "$@"
else
  main "$@"
fi
