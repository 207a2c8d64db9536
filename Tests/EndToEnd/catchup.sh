#!/usr/bin/env bash
# A replica is kept down until the logs of all others have recycled its place; it comes back under load, fetches a snapshot, and
# agrees. Then the snapshot that its superblock names is damaged while it is down: it fetches another one and agrees again.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
BASE_PORT=${BASE_PORT:-6521}
DIR=$WORK/cluster
mkdir -p "$DIR"
PIDS=()

counter() { status_row "$1" | awk -v column=$(($2 + 1)) '{ print $column }'; }
all_equal() { status_row "$1" | awk '{ for (i = 2; i <= NF; i++) if ($i != $1) exit 1 }'; }
states_agree() { all_equal executedSlot && all_equal commitIndex && all_equal stateHash; }
stay_equal() { states_agree && sleep 0.3 && states_agree; }
answers() { [ "$(timeout 5 redis-cli -p $((BASE_PORT + $1)) set probe 1 2>/dev/null)" = OK ]; }
at_least() { [ "$(counter "$1" "$2")" -ge "$3" ]; }

cat >"$DIR/cluster.json" <<END
{"clusterID": "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')", "interface": "lo", "durability": "disk",
 "group": {"address": "239.77.9.1", "port": $((20000 + RANDOM % 20000))},
 "log": {"segmentMebibytes": 4, "segments": 12},
 "members": [{"id": 0, "address": "127.0.0.1", "respPort": $BASE_PORT},
             {"id": 1, "address": "127.0.0.1", "respPort": $((BASE_PORT + 1))},
             {"id": 2, "address": "127.0.0.1", "respPort": $((BASE_PORT + 2))}]}
END
start() {
    "$TRIREME" serve --config "$DIR/cluster.json" --replica "$1" --data "$DIR/$1" --quiet ${2:-} >>"$WORK/replica-$1.log" 2>&1 &
    PIDS[$1]=$!
    CHILDREN+=($!)
}
# Sets as many keys of 200 bytes as asked for, through replica 0.
load() { timeout 120 redis-benchmark -p "$BASE_PORT" -t set -n "$1" -d 200 -P 32 -c 20 -r 30000 -q >>"$WORK/redis.log" 2>&1 || die "redis-benchmark met an error"; }
# A third of what the machine can do, until the stop file is there.
endless_load() {
    while [ ! -e "$WORK/stop" ]; do
        timeout 60 redis-benchmark -p $((BASE_PORT + 1)) -t set -n 3000 -d 200 -P 8 -c 5 -r 30000 -q >>"$WORK/load.log" 2>&1 || echo failed >>"$WORK/failed"
        sleep 0.1
    done
}

for i in 0 1 2; do start "$i" --format; done
eventually 60 answers 2 || die "the cluster does not answer"
load 20000
eventually 30 stay_equal || die "the states differ after the first load"
behind=$(counter executedSlot 2)
kill -9 "${PIDS[2]}"
wait "${PIDS[2]}" 2>/dev/null || true
before=$(counter snapshots 0)
for _ in 1 2 3 4 5 6 7 8; do
    load 100000
    at_least snapshots 0 $((before + 4)) && at_least snapshots 1 4 && break
done
at_least snapshots 0 $((before + 4)) || die "the others took too few snapshots: $(status_row snapshots)"
say "down: the others took $(status_row snapshots | awk '{ print $1 }') snapshots"

endless_load &
LOAD=$!
CHILDREN+=("$LOAD")
sleep 0.5
start 2
eventually 60 at_least snapshotsInstalled 2 1 || die "it fetched no snapshot: $("$TRIREME" status "$DIR" | grep -E 'isStranded|snapshot|executedSlot')"
eventually 60 answers 2 || die "it does not answer after it caught up"
touch "$WORK/stop"
wait "$LOAD" || true
[ ! -e "$WORK/failed" ] || die "the load against another replica met an error meanwhile"
eventually 60 stay_equal || die "the states differ after it caught up: $("$TRIREME" status "$DIR" | grep -E 'executedSlot|stateHash|isStranded')"
say "back under load: it was at slot $behind, fetched a snapshot ($(counter snapshotPiecesReceived 2) pieces), and agrees at slot $(counter executedSlot 2)"

# The snapshot rots while it is down; the log is whole, so it fetches another one (PROTOCOL §9).
kill -9 "${PIDS[2]}"
wait "${PIDS[2]}" 2>/dev/null || true
for file in 0 1; do
    [ ! -s "$DIR/2/snapshot/$file" ] || printf '\xA5\x5A' | dd of="$DIR/2/snapshot/$file" bs=1 seek=70000 conv=notrunc status=none
done
start 2
eventually 60 at_least snapshotsInstalled 2 1 || die "with a damaged snapshot it fetched none: $("$TRIREME" status "$DIR" | grep -E 'isStranded|isForgetful|snapshot')"
eventually 60 answers 2 || die "with a new snapshot it does not answer"
[ "$(counter isForgetful 2)" = 0 ] || die "with a new snapshot it still votes for nothing"
eventually 60 stay_equal || die "the states differ after the damaged snapshot was replaced"
say "damaged snapshot: replaced by another replica's, and it agrees"
