#!/usr/bin/env bash
# The shaped network, short: replicas in namespaces, both ways of dissemination; nothing of it is left, after Ctrl-C neither.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
if [ "$(id -u)" != 0 ] || ! command -v tc >/dev/null; then
    say "network: left out, it needs root and iproute2"
    exit 0
fi
left() { (ip netns list; ip -o link show) | grep -oE "tri$1(n|v|br)[0-9]*" || true; }

run() {
    "$ROOT/Benchmarks/network/run" --seconds 2 --warmup 2 --data "$WORK" --json "$WORK/result.json" "$@" >"$WORK/network.log" 2>&1 &
    local pid=$!
    wait $pid || die "network $*: exit code $?"
    grep -q '"agreement": true' "$WORK/result.json" || die "network $*: no agreement"
    for key in linkGigabitsPerSecond orderedGigabitsPerSecond limitGigabitsPerSecond ratio lossPercent; do
        grep -q "\"$key\"" "$WORK/result.json" || die "network $*: the report has no $key"
    done
    [ -z "$(left $pid)" ] || die "network $*: this was left: $(left $pid)"
    say "network $*: $(sed -n 's/^network //p' "$WORK/network.log")"
}
run --mtu 9000
run --mtu 1500 --lanes one
run --mtu 1500 --lanes one --dissemination unicast --link-rate 100mbit

rm -f "$WORK/network.log"
"$ROOT/Benchmarks/network/run" --seconds 60 --data "$WORK" >"$WORK/network.log" 2>&1 &
pid=$!
CHILDREN+=($pid)
eventually 30 grep -q 'commands/s   p50' "$WORK/network.log" || die "the run to be interrupted never began"
[ -n "$(left $pid)" ] || die "a run without namespaces"
kill -TERM $pid
status=0
wait $pid || status=$?
[ $status = 143 ] || die "an interrupted run ended with code $status instead of 143"
[ -z "$(left $pid)" ] || die "an interrupted run left $(left $pid)"
say "network, interrupted: ended, nothing left"
