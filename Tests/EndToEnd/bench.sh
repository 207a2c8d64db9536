#!/usr/bin/env bash
# `trireme bench`, short: disk and memory, three and five replicas, both services; the report says that all agree.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

bench() {
    local name=$1
    shift
    "$TRIREME" bench --seconds 2 --warmup 1 --data "$WORK" --json "$WORK/result.json" "$@" >"$WORK/bench.log" 2>&1 \
        || die "bench $*: exit code $?"
    grep -q '"agreement": true' "$WORK/result.json" || die "bench $*: no agreement"
    grep -q '"schema": "trireme-bench/1"' "$WORK/result.json" || die "bench $*: not the contract's report"
    grep -q '"commandsPerSecond": 0.0' "$WORK/result.json" && [ "$name" != "one lane" ] && die "bench $*: nothing was executed"
    say "$name: $(grep -m 1 'MB/s' "$WORK/bench.log")"
}

bench "disk, three" --replicas 3
bench "disk, five" --replicas 5
bench "memory, three" --replicas 3 --durability memory
bench "memory, five" --replicas 5 --durability memory
bench "open loop" --rate 20000
bench "one lane" --lanes one --durability memory
bench "key-value" --service kv
bench "sequencer killed" --kill sequencer@1

# Figures of the contract that are measured, not made up: nothing is lost on loopback, and the kernel is entered.
grep -q '"datagramsLost": 0,' "$WORK/result.json" || die "datagrams were lost on loopback: $(grep datagramsLost "$WORK/result.json")"
grep -Eq '"syscallsPerThousandCommands": [0-9]*[1-9]' "$WORK/result.json" || die "no system calls were counted"

bench "limits" --limits --hgrm "$WORK/result.hgrm"
for key in memoryCopyGigabytesPerSecond checksumGigabytesPerSecond multicastGigabytesPerSecond \
    durableWriteMegabytesPerSecond wakeUpMicroseconds processors; do
    # Once for the machine, and once for its share.
    [ "$(grep -c "\"$key\": [0-9]*\.[0-9]*[1-9]\|\"$key\": [1-9]" "$WORK/result.json")" -ge 2 ] || die "limits: no $key"
done
grep -q '^#\[Max' "$WORK/result.hgrm" || die "limits: no percentile distribution"

bench "sweep" --sweep --seconds 1 --warmup 0.5 --durability memory --report "$WORK/report.html"
[ "$(grep -c '"offeredCommandsPerSecond"' "$WORK/result.json")" -ge 10 ] || die "sweep: points are missing"
[ "$(grep -c '<svg' "$WORK/report.html")" = 5 ] || die "sweep: the page lacks charts"

# Ctrl-C leaves nothing behind.
"$TRIREME" bench --seconds 60 --data "$WORK" >"$WORK/interrupted.log" 2>&1 &
pid=$!
eventually 30 grep -q 'commands/s   p50' "$WORK/interrupted.log" || die "the bench to be interrupted never began"
kill -INT "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 130 ] || die "an interrupted bench ended with code $status instead of 130"
[ -z "$(find "$WORK" -name 'trireme-bench-*')" ] || die "an interrupted bench left files behind"
say "interrupted: ended, nothing left"
