#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing and the demo need, and makes .venv from requirements.txt.
# Does nothing, in well under a second, when all is there.
#
#     NO_INSTALL=1 tools/deps.sh     only prints what it would run
#
# What the installers say goes into build/deps.log.
set -euo pipefail
cd "$(dirname "$0")/.."

# The one list: Debian's and Ubuntu's package, and how to see that what it brings is there.
packages='
gcc                   command gcc
g++                   command g++
cmake                 command cmake
ninja-build           command ninja
pkg-config            command pkg-config
libnghttp2-dev        module libnghttp2
libuv1-dev            module libuv
libssl-dev            module openssl
openssl               command openssl
libprotobuf-c-dev     module libprotobuf-c
protobuf-c-compiler   command protoc-c
libxxhash-dev         module libxxhash
liblz4-dev            module liblz4
libzstd-dev           module libzstd
libjansson-dev        module jansson
libinih-dev           module inih
libcrypt-dev          module libcrypt
libcmocka-dev         module cmocka
python3-venv          python venv, ensurepip
python3-dev           header Python.h
ca-certificates       folder /etc/ssl/certs
'

is_there() { # kind, what
    case $1 in
    command) command -v "$2" >/dev/null ;;
    module) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    python) command -v python3 >/dev/null && python3 -c "import $2" 2>/dev/null ;;
    header) command -v python3 >/dev/null && python3 -c "import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path('include') + '/$2'))" ;;
    folder) [ -d "$2" ] ;;
    esac
}

list_missing() {
    local package kind what
    while read -r package kind what; do
        [ -z "$package" ] || is_there "$kind" "$what" || echo "$package"
    done <<<"$packages"
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

only_print() {
    [ -n "${NO_INSTALL:-}" ]
}

log=build/deps.log

say() {
    only_print || printf '%s\n' "$*"
}

# Runs a command; what it says goes into the log.
run() {
    if only_print; then
        printf '+ %s\n' "$*"
        return
    fi
    mkdir -p "$(dirname "$log")"
    printf '+ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 || fail "$(tail -n 10 "$log")" "This failed: $*" "All it said is in $log"
}

list_for_other_systems() {
    local package kind what
    echo "flightkv needs these, and they are not here; install them with your system's tools:"
    while read -r package kind what; do
        [ -z "$package" ] || is_there "$kind" "$what" ||
            printf '    %-8s %-16s (Debian: %s)\n' "$kind" "$what" "$package"
    done <<<"$packages"
}

install_packages() { # package...
    command -v apt-get >/dev/null || fail "$(list_for_other_systems)"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "Neither root nor sudo; have root run:" \
            "    apt-get update && apt-get install --yes --no-install-recommends $*"
        as_root=(sudo)
    fi
    say "Updating the lists of packages"
    run "${as_root[@]}" apt-get update --quiet=2
    say "Installing with apt-get, which takes about a minute: $*"
    run "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet=2 --no-install-recommends "$@"
}

make_venv() {
    only_print || python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old for requirements.txt: 3.11 or newer is needed"
    say "Making .venv, with 0.9 GB of Python packages, which takes about a minute"
    run python3 -m venv --clear .venv
    run touch .venv/requirements.txt # the mark that it is ours
    run .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
    run cp requirements.txt .venv/requirements.txt # the mark that .venv is up to date
}

# What requirements.txt names and .venv hasn't, in whatever version.
missing_modules() {
    # shellcheck disable=SC2046 # one word a module
    .venv/bin/python -c 'import importlib.metadata as m, sys
there = {name.lower() for d in m.distributions() if (name := d.metadata["Name"])}
print(*[name for name in sys.argv[1:] if name not in there])' \
        $(sed -n 's/==.*//p' requirements.txt)
}

# One made by hand is taken as it is, and never made anew: there may be more in it.
adopt_venv() {
    local missing
    missing=$(missing_modules) || fail ".venv/bin/python doesn't run; remove .venv, or mend it"
    [ -z "$missing" ] || fail \
        ".venv wasn't made by 'make deps', so it is left as it is, but it lacks: $missing" \
        "Run '.venv/bin/python -m pip install -r requirements.txt', or remove .venv to have it made"
}

rm -f "$log"
case $(uname -s) in
Linux) ;;
*) fail "flightkv is for Linux: use a Linux virtual machine, or WSL2 on Windows" ;;
esac

needed=$(list_missing)
if [ -n "$needed" ]; then
    # shellcheck disable=SC2086 # one word a package
    install_packages $needed
    only_print || [ -z "$(list_missing)" ] || fail "Still missing: $(list_missing | xargs)"
fi
if [ -e .venv ] && ! [ -e .venv/requirements.txt ]; then
    adopt_venv
elif ! cmp -s requirements.txt .venv/requirements.txt || ! [ -x .venv/bin/python ]; then
    make_venv
    needed+=" .venv"
fi
if [ -n "$needed" ] && only_print; then
    fail "NO_INSTALL is set: the commands above were not run"
fi
