#!/usr/bin/env bash
# Writes the pinned requirement files from pyproject.toml: every release with all its hashes (so that one
# file serves Python 3.11, 3.12 and 3.13), and no registry address or path of this machine (SC-01).
#
# The largest set is resolved first; the smaller ones take its versions, so a package has one version
# in all files. `tools/lock.sh --upgrade` moves every pin to the newest release.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    local output="requirements/$1.txt"
    shift
    echo "lock: $output"
    .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --output-file "$output" "$@"
}

# A constraint file may hold no hashes of its own, so the pins are handed on without them.
pins="$(mktemp)"
trap 'rm -f "$pins"' EXIT
hand_on() {
    grep -E '^[A-Za-z0-9._-]+==' requirements/development.txt | sed -e 's/[ ;\\].*$//' >"$pins"
}

compile build "$@" requirements/build.in
compile node "$@" requirements/node.in
compile development "$@" --extra documents --extra postgres --extra development pyproject.toml
hand_on
compile documents --constraint "$pins" --extra documents pyproject.toml
compile postgres --constraint "$pins" --extra postgres pyproject.toml
compile runtime --constraint "$pins" pyproject.toml
# "via -c /some/temporary/file" would name a path of this machine.
sed -i -e '/^    #   -c /d' requirements/*.txt
