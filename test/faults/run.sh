#!/usr/bin/env bash
# The fault tests at length: npm run faults -- [--rounds N | --soak MINUTES]   (100 kills unless told otherwise, about 5 s each, then 50 swaps of the model; --soak: a line that goes on, and nothing else)
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=100
case "${1:-}" in
  '') ;;
  --rounds) rounds=${2:?--rounds needs a number} ;;
  --soak)
    export SOAK_MINUTES=${2:?--soak needs minutes}
    exec npx vitest run test/faults/soak.test.ts
    ;;
  *) sed -n 2p "$0"; [ "$1" = --help ] && exit 0 || exit 64 ;;
esac
# Not LOUPE_…: the services under test would take it for a key of their configuration.
status=0
export FAULT_ROUNDS=$rounds
npx vitest run test/faults test/record/crash.test.ts test/integration/crash.test.ts --exclude test/faults/overload.test.ts || status=$?
# By themselves: they measure answer times.
npx vitest run test/faults/overload.test.ts || status=$?
SWAPS=50 npx vitest run test/integration/models.test.ts -t 'activation under load' || status=$?
exit "$status"
