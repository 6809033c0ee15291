#!/usr/bin/env bash
# The whole gate: lint, rules, then every ring. The rings that wait most, for clocks and browsers, run beside the others.
#
#   tools/gate.sh            all rings
#   tools/gate.sh PATH...    these tests alone, pytest's arguments
set -uo pipefail
cd "$(dirname "$0")/.."

status=0
export CSC_NO_SKIPS=1 CSC_PROFILE=ci
pytest=(.venv/bin/python -m pytest -q -m "not nightly" --durations=20 --durations-min=0.05)

make --no-print-directory lint || status=1
.venv/bin/python tests/rules.py --summary || status=1

if [ "$*" != tests ]; then
    # shellcheck disable=SC2068 # one word of TESTS is one argument
    "${pytest[@]}" $@ || status=1
    exit $status
fi

started=$SECONDS
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
"${pytest[@]}" tests/unit tests/property tests/contract tests/fuzz tests/rows tests/attack >"$beside" 2>&1 &
first=$!
"${pytest[@]}" tests/integration tests/browser || status=1
wait "$first" || status=1
cat "$beside"
"${pytest[@]}" tests/fault || status=1 # alone: its bounds of seconds are for a machine that does nothing else
echo "all rings: $(((SECONDS - started + 30) / 60)) minutes of wall time (the gate may take 16)"
exit $status
