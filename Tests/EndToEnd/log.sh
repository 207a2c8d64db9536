#!/usr/bin/env bash
# `trireme log` on what `trireme bench` leaves: beside a running replica, after kill -9, and after a byte was damaged.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

"$TRIREME" bench --seconds 60 --data "$WORK" >"$WORK/bench.log" 2>&1 &
pid=$!
CHILDREN+=("$pid")
eventually 30 grep -q 'commands/s   p50' "$WORK/bench.log" || die "log: the bench never began"
replica=$(find "$WORK" -name superblock | sort | head -1)
replica=${replica%/superblock}

"$TRIREME" log inspect "$replica" --kind batch --limit 3 >"$WORK/inspect.log" || die "log inspect beside a running replica"
grep -q 'a replica runs here' "$WORK/inspect.log" || die "log inspect: does not say that a replica runs"
[ "$(grep -c ' batch  *g1.1  lane' "$WORK/inspect.log")" = 3 ] || die "log inspect: not three batches"
"$TRIREME" log stat "$replica" >"$WORK/stat.log" || die "log stat beside a running replica"

# The replicas go with the process that started them.
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
eventually 10 "$TRIREME" log verify "$replica" >/dev/null || die "log verify: not whole after kill -9"
# Into a file: grep -q would close the pipe before all is said.
at_rest() {
    "$TRIREME" log verify "$replica" >"$WORK/verify.log" && grep -q 'at its start a replica reads' "$WORK/verify.log"
}
eventually 10 at_rest || die "log verify: does not say what a start would do"
"$TRIREME" log verify "$replica" --json >"$WORK/verify.log"
grep -q '"isWhole": true' "$WORK/verify.log" || die "log verify --json: not whole"
"$TRIREME" log inspect "$replica" --kind vote --limit 2 --json >"$WORK/inspect.log"
[ "$(grep -c '"item": "vote", "slot": ' "$WORK/inspect.log")" = 2 ] || die "log inspect --json: not two votes"
"$TRIREME" log stat "$replica" --json >"$WORK/stat.log"
before=$(cd "$replica" && cat superblock log/* | cksum)
"$TRIREME" log stat "$replica" >/dev/null
grep -q '"recyclableSegments"' "$WORK/stat.log" || die "log stat --json"
[ "$before" = "$(cd "$replica" && cat superblock log/* | cksum)" ] || die "log: something was written"

# Three bytes of the first batch's payload, wherever the log begins by now (16 segments of 64 MiB).
"$TRIREME" log inspect "$replica" --kind batch --limit 1 --json >"$WORK/inspect.log"
offset=$(sed -n 's/^{"offset": \([0-9]*\),.*/\1/p' "$WORK/inspect.log")
segment=$(printf 'log/%08d.segment' $((offset / 67108864 % 16)))
printf '\377\376\375' | dd of="$replica/$segment" bs=1 seek=$((offset % 67108864 + 1000)) conv=notrunc 2>/dev/null
status=0
"$TRIREME" log verify "$replica" >"$WORK/verify.log" || status=$?
[ "$status" = 1 ] || die "log verify: code $status for a damaged log instead of 1"
grep -q "DAMAGED $segment" "$WORK/verify.log" || die "log verify: does not say where"
status=0
"$TRIREME" log verify "$WORK/nowhere" >/dev/null 2>&1 || status=$?
[ "$status" = 2 ] || die "log verify: code $status for a directory that is none instead of 2"
say "log: $(head -3 "$WORK/verify.log" | tail -1)"
