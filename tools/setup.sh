#!/usr/bin/env bash
# Sets up what one purpose needs and nothing that is there already:
#   tools/setup.sh run | tls | quick | lint | test | bench | all
#
# The Python environment is .venv, installed with hash checking from requirements/*.txt. System packages come
# through apt, with sudo when this is not root; on a system without apt the script says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose="${1:-}"
case "$purpose" in
    run) requirements=documents programs=(softhsm curl openssl) ;; # the lines that `dev` prints use the last two
    tls) requirements=documents programs=(softhsm curl openssl nginx) ;;
    lint) requirements=development programs=() ;;
    quick) requirements=development programs=(softhsm) ;;
    test) requirements=development programs=(softhsm openssl pdfsig postgresql chromium gcc nginx) ;;
    bench) requirements=development programs=(softhsm openssl wrk) ;;
    all) requirements=development programs=(softhsm openssl pdfsig postgresql chromium gcc nginx wrk) ;;
    *)
        echo "usage: tools/setup.sh run|tls|quick|lint|test|bench|all" >&2
        exit 2
        ;;
esac

say() { echo "setup: $*" >&2; }

fail() {
    say "$@"
    exit 1
}

any_file() { # true if one of the given paths exists
    local path
    for path in "$@"; do
        if [ -e "$path" ]; then return 0; fi
    done
    return 1
}

any_command() { # true if one of the given commands is found
    local name
    for name in "$@"; do
        if command -v "$name" >/dev/null; then return 0; fi
    done
    return 1
}

chromium_can_sandbox() { # root runs it without; others need user namespaces or Debian's set-uid helper
    [ "$(id -u)" -eq 0 ] || any_file /usr/lib/chromium/chrome-sandbox || unshare --user true 2>/dev/null
}

present() {
    case "$1" in
        softhsm)
            any_file /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
                /usr/lib64/pkcs11/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so
            ;;
        postgresql) any_file /usr/lib/postgresql/*/bin/initdb || any_command initdb ;;
        gcc) any_command gcc && any_file /usr/include/stdio.h ;; # a PKCS#11 module that fails on demand is built from C
        chromium) any_command chromium chromium-browser google-chrome && chromium_can_sandbox ;;
        nginx) any_command nginx || any_file /usr/sbin/nginx ;; # not in every user's path
        *) any_command "$1" ;;
    esac
}

packages() { # the Debian packages that bring a program, one a line
    case "$1" in
        gcc) printf '%s\n' gcc libc6-dev ;;
        chromium) printf '%s\n' chromium chromium-sandbox ;;
        softhsm) echo softhsm2 ;;
        pdfsig) echo poppler-utils ;;
        nginx) echo nginx-light ;; # Debian starts it as a service of its own: `systemctl disable --now nginx` ends that
        *) echo "$1" ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root for: $*. Run that command as root, then try again."
    fi
}

apt_updated=no
apt_install() {
    say "installing $*"
    if [ "$apt_updated" = no ]; then
        as_root apt-get update -qq >&2 || say "apt-get update failed; going on with the package lists that are there"
        apt_updated=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
        fail "apt-get could not install $*; see above."
}

install_programs() {
    local missing=() program package
    for program in ${programs[@]+"${programs[@]}"}; do
        if ! present "$program"; then
            while read -r package; do missing+=("$package"); done < <(packages "$program")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if ! command -v apt-get >/dev/null; then
        say "missing, by their Debian names: ${missing[*]}"
        fail "this system has no apt; install them with its own package manager" \
            "(for example 'dnf install softhsm' or 'pacman -S softhsm'), then try again."
    fi
    apt_install "${missing[@]}"
}

usable_python() { # true if the interpreter starts, is new enough and can make environments
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() { # the system's own first: distributions build it with profiles, which makes it a fifth faster
    local name
    for name in ${CSC_PYTHON:+"$CSC_PYTHON"} /usr/bin/python3 python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null && usable_python "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

make_environment() {
    if [ -x .venv/bin/python ] && usable_python .venv/bin/python && [ -x .venv/bin/pip ]; then return; fi
    # An environment whose interpreter is gone cannot be repaired; without pyvenv.cfg it is not one of ours.
    if [ -e .venv ]; then
        if [ ! -e .venv/pyvenv.cfg ]; then fail ".venv is in the way and is no Python environment; move it away."; fi
        rm -rf .venv
    fi
    local python
    if ! python="$(find_python)"; then
        if ! command -v apt-get >/dev/null; then
            fail "no Python 3.11 or newer with the modules venv and ensurepip was found; install one, then try again."
        fi
        apt_install python3 python3-venv
        python="$(find_python)" ||
            fail "this release's python3 is older than 3.11; install a newer one and name it: CSC_PYTHON=/path/to/python3 make ..."
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv .venv
}

content_hash() { # of everything that decides what is installed
    cat requirements/build.txt "requirements/$1.txt" pyproject.toml .venv/pyvenv.cfg | .venv/bin/python -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

stamped() { [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(content_hash "$1")" ]; }

install_requirements() {
    # The development set holds all the others.
    if stamped development || stamped "$requirements"; then return; fi
    say "installing the Python packages of requirements/$requirements.txt"
    local pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install)
    "${pip[@]}" --require-hashes -r requirements/build.txt -r "requirements/$requirements.txt"
    "${pip[@]}" --no-deps --no-build-isolation --editable .
    content_hash "$requirements" >".venv/installed-$requirements"
}

node_is_usable() {
    "$1" -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' >/dev/null 2>&1
}

install_openid_client() { # the npm package that plays an application in the tests, by the hashes of its lock file
    local folder=tests/integration/openid_client node=node npm=npm
    if ! node_is_usable node || ! command -v npm >/dev/null; then
        node=.venv/bin/node npm=$PWD/.venv/bin/npm
        if ! node_is_usable "$node"; then
            say "installing Node.js into .venv"
            .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install \
                --require-hashes -r requirements/node.txt
        fi
    fi
    if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then return; fi
    say "installing openid-client"
    (cd "$folder" && PATH="$OLDPWD/.venv/bin:$PATH" "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    cp "$folder/package-lock.json" "$folder/node_modules/.installed"
}

if [ "$(uname -s)" != Linux ] && [ ${#programs[@]} -gt 0 ]; then
    fail "csc-server runs on Linux: its two processes know each other by the Linux kernel's word (SO_PEERCRED)." \
        "On another system use a virtual machine or a container."
fi
install_programs
make_environment
install_requirements
case "$purpose" in
    test | all) install_openid_client ;;
esac
