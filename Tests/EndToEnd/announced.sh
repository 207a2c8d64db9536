#!/usr/bin/env bash
# Five replicas that decide with two and elect with four, and whose sequencer names those two: two sequencers are killed, one after the
# other, and the three that are left go on, which without the names they could not.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
BASE_PORT=${BASE_PORT:-6541}
DIR=$WORK/cluster
mkdir -p "$DIR"
PIDS=()

answers() { [ "$(timeout 5 redis-cli -p $((BASE_PORT + $1)) set "probe-$2" "$2" 2>/dev/null)" = OK ]; }
# The replica that reigns and lives, by its place in the row.
sequencer() {
    local row i=0
    row=$(status_row isSequencer)
    for is in $row; do
        [ "$is" = 1 ] && [ -n "${PIDS[$i]:-}" ] && echo "$i" && return
        i=$((i + 1))
    done
    return 1
}
alive() { for i in 0 1 2 3 4; do [ -n "${PIDS[$i]:-}" ] && echo "$i"; done; }
all_answer() { for i in $(alive); do answers "$i" "$1" || return 1; done; }

cat >"$DIR/cluster.json" <<END
{"clusterID": "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')", "interface": "lo", "durability": "disk",
 "group": {"address": "239.77.10.1", "port": $((20000 + RANDOM % 20000))}, "quorums": [4, 2, 4], "announcedMembers": 2,
 "log": {"segmentMebibytes": 4, "segments": 8},
 "members": [$(for i in 0 1 2 3 4; do echo "{\"id\": $i, \"address\": \"127.0.0.1\", \"respPort\": $((BASE_PORT + i))}"; done | paste -sd,)]}
END
for i in 0 1 2 3 4; do
    "$TRIREME" serve --config "$DIR/cluster.json" --replica "$i" --data "$DIR/$i" --quiet --format >>"$WORK/replica-$i.log" 2>&1 &
    PIDS[$i]=$!
    CHILDREN+=($!)
done
eventually 60 all_answer begin || die "the cluster does not answer"

for round in first second; do
    eventually 20 sequencer >/dev/null || die "nobody reigns: $(status_row isSequencer)"
    victim=$(sequencer)
    kill -9 "${PIDS[$victim]}"
    wait "${PIDS[$victim]}" 2>/dev/null || true
    PIDS[$victim]=
    eventually 30 all_answer "$round" || die "without the $round sequencer, replica $victim, those that are left do not answer"
    say "announced: replica $victim, the $round sequencer, is gone; $(alive | wc -l) of 5 go on"
done
for i in $(alive); do
    [ "$(redis-cli -p $((BASE_PORT + i)) get probe-begin)" = begin ] || die "replica $i has lost what was acknowledged at first"
done
