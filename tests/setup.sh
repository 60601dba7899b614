#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks: for Debian 12, as root or as a user with sudo.
# Says nothing and does nothing when everything is there.
set -euo pipefail

pgrx_version=0.18.1
pg_config="${PG_CONFIG:-/usr/bin/pg_config}"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: root rights are needed to install packages: run this as root, or install sudo" >&2
        exit 1
    fi
}

# True when Debian's package is installed.
has() {
    dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# A program that another source than Debian's package may have brought.
needed=()
command -v clang >/dev/null || needed+=(clang)
command -v pkg-config >/dev/null || needed+=(pkg-config)
command -v cc >/dev/null || needed+=(gcc libc6-dev)
command -v make >/dev/null || needed+=(make)
[ -e /etc/ssl/certs/ca-certificates.crt ] || needed+=(ca-certificates)
[ -x /usr/lib/postgresql/15/bin/postgres ] || needed+=(postgresql-15)
[ -x /usr/bin/psql ] || needed+=(postgresql-client-15)
[ -e /usr/include/postgresql/15/server/postgres.h ] || needed+=(postgresql-server-dev-15)
ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || has libclang-dev || needed+=(libclang-dev)
# cargo pgrx test runs its server as user postgres through sudo when the caller is root.
command -v sudo >/dev/null || needed+=(sudo)

if [ "${#needed[@]}" -gt 0 ]; then
    echo "setup: installing ${needed[*]}"
    # The package would start a server of its own, which nobody asked for here.
    if [ ! -d /etc/postgresql-common ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${needed[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "setup: cargo is missing: install Rust 1.95 or later with rustup (https://rustup.rs), then run this again" >&2
    exit 1
fi

if [ "$(cargo pgrx --version 2>/dev/null)" != "cargo-pgrx $pgrx_version" ]; then
    echo "setup: installing cargo-pgrx $pgrx_version"
    cargo install --quiet --locked --version "$pgrx_version" cargo-pgrx
fi

if ! grep -qs '^pg15' "${PGRX_HOME:-$HOME/.pgrx}/config.toml"; then
    echo "setup: telling cargo-pgrx about PostgreSQL 15"
    cargo pgrx init --pg15="$pg_config"
fi
