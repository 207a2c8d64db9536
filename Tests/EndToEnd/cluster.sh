#!/usr/bin/env bash
# A durable local cluster under redis-benchmark: load on each replica and on all, then kill -9 of the sequencer, of a follower
# and of all three, with load running. No acknowledged write may be missing, and all states must agree.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
BASE_PORT=${BASE_PORT:-6501}
PORTS=("$BASE_PORT" $((BASE_PORT + 1)) $((BASE_PORT + 2)))
DIR=$WORK/cluster

# status_row NAME: that row of `trireme status`, one word for each replica.
running_pid() { status_row process | awk -v column=$(($1 + 1)) '{ print $column }'; }
# The replica that says so of itself, and lives.
sequencer() {
    paste -d ' ' <(status_row isSequencer | tr -s ' ' '\n' | sed 1d) <(status_row process | tr -s ' ' '\n' | sed 1d) \
        | awk '$1 == 1 && $2 != "ended" { print NR - 1; exit }'
}
all_equal() { status_row "$1" | awk '{ for (i = 2; i <= NF; i++) if ($i != $1) exit 1 }'; }
none_ended() { ! status_row process | grep -q ended; }
states_agree() { none_ended && all_equal executedSlot && all_equal commitIndex && all_equal stateHash; }
stay_equal() { states_agree && sleep 0.3 && states_agree; }
answers() { [ "$(timeout 5 redis-cli -p "$1" ping 2>/dev/null)" = PONG ] && [ "$(timeout 5 redis-cli -p "$1" set probe 1 2>/dev/null)" = OK ]; }

redis_load() {
    timeout 120 redis-benchmark -p "$1" -t set,get,incr -n "$2" -P 64 -c 50 -r 100000 -q >"$WORK/redis-$1.log" 2>&1 \
        || die "redis-benchmark against port $1: exit code $?"
    ! grep -qi error "$WORK/redis-$1.log" || die "redis-benchmark against port $1 met an error"
}

# Load until the stop file is there. A run that failed is noted: only those against a killed replica may.
endless_load() {
    local run=
    trap 'kill $run 2>/dev/null; exit' TERM
    while [ ! -e "$WORK/stop" ]; do
        # redis-benchmark 7.0 waits for ever where nobody listens.
        timeout 40 redis-benchmark -p "$1" -t set,incr -n 20000 -P 16 -c 10 -r 100000 -q >>"$WORK/load-$1.log" 2>&1 &
        run=$!
        wait "$run" || echo "$SECONDS" >>"$WORK/failed-$1"
        sleep 0.05
    done
}
start_loads() {
    rm -f "$WORK/stop" "$WORK"/failed-*
    LOADS=()
    for port in "${PORTS[@]}"; do
        endless_load "$port" &
        LOADS+=($!)
    done
    CHILDREN+=("${LOADS[@]}")
    sleep 1
}
stop_loads() {
    touch "$WORK/stop"
    eventually 60 loads_have_ended || die "redis-benchmark still waits for replies after a minute"
    for pid in "${LOADS[@]}"; do wait "$pid" || true; done
}
loads_have_ended() {
    local pid
    for pid in "${LOADS[@]}"; do ! kill -0 "$pid" 2>/dev/null || return 1; done
}
ask_client() {
    echo "$*" >&"${WRITES[1]}"
    local answer
    read -r -t 60 answer <&"${WRITES[0]}" || die "the client that remembers gave no answer to: $*"
    echo "$answer"
}

restart() {
    "$TRIREME" cluster --data "$DIR" --restart "$1" >>"$WORK/restart.log" 2>&1 || die "replica $1 could not be started again"
}

# kill_under_load sequencer|follower: the others go on within a second, and it catches up when it is back. The machine itself may
# stand still for longer than that, so what was too slow is tried again, twice.
kill_under_load() {
    local name=$1 attempt
    for attempt in 1 2 3; do
        kill_once "$name" && return
        say "$name killed: slower than a second, tried again"
    done
    die "$name killed: a replica stood still for more than a second, three times"
}
kill_once() {
    local name=$1 victim is_fast=yes
    victim=$(sequencer)
    [ "$name" = sequencer ] || victim=$(((victim + 1) % 3))
    start_loads
    ask_client mark >/dev/null
    kill -9 "$(running_pid "$victim")"
    sleep 2
    for replica in 0 1 2; do
        [ "$replica" = "$victim" ] && continue
        gap=$(ask_client gap "$replica")
        [ "$gap" -le 1000 ] || is_fast=no
        say "$name (replica $victim) killed: replica $replica went on after at most $gap ms"
    done
    restart "$victim"
    sleep 1
    stop_loads
    for replica in 0 1 2; do
        [ "$replica" = "$victim" ] || [ ! -e "$WORK/failed-${PORTS[$replica]}" ] \
            || die "$name killed: redis-benchmark against replica $replica failed"
    done
    eventually 30 answers "${PORTS[$victim]}" || die "$name: replica $victim does not answer after its restart"
    [ "$is_fast" = yes ]
}

for port in "${PORTS[@]}"; do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || die "port $port is in use; set BASE_PORT"
done
"$TRIREME" cluster --replicas 3 --resp-port "$BASE_PORT" --data "$DIR" >"$WORK/cluster.log" 2>&1 &
CLUSTER=$!
CHILDREN+=("$CLUSTER")
eventually 120 grep -q '^replica 2 pid' "$WORK/cluster.log" || die "the cluster did not start"
eventually 20 answers "${PORTS[0]}" || die "the cluster does not answer"

for port in "${PORTS[@]}"; do redis_load "$port" 50000; done
say "redis-benchmark against each replica in turn: no error"
runs=()
for port in "${PORTS[@]}"; do
    redis_load "$port" 50000 &
    runs+=($!)
done
for run in "${runs[@]}"; do wait "$run" || die "redis-benchmark against all replicas at once failed"; done
say "redis-benchmark against all replicas at once: no error"
eventually 30 stay_equal || die "the states differ after the load"

# WAIT: with a follower that stands still two hold what was written, and three once it goes on.
writes_and_waits() { printf 'SET waited %s\nWAIT 2 %s\n' "$1" "$2" | timeout 20 redis-cli -p "${PORTS[$leader]}" | tail -n 1; }
leader=$(sequencer)
stopped=$(((leader + 1) % 3))
[ "$(writes_and_waits 1 10000)" = 2 ] || die "WAIT: not two others hold a write within ten seconds"
kill -STOP "$(running_pid "$stopped")"
held=$(writes_and_waits 2 500)
kill -CONT "$(running_pid "$stopped")"
[ "$held" = 1 ] || die "WAIT: with a follower that stands still '$held' others held a write, not 1"
[ "$(writes_and_waits 3 10000)" = 2 ] || die "WAIT: not two others hold a write within ten seconds of the third going on"
say "WAIT: 2 others, 1 while one stands still, 2 again"

coproc WRITES { "$CLIENT" "${PORTS[@]}" 2>"$WORK/client.log"; }
CLIENT_PID=$WRITES_PID
CHILDREN+=("$CLIENT_PID")
sleep 1

kill_under_load sequencer
kill_under_load follower

start_loads
for replica in 0 1 2; do kill -9 "$(running_pid "$replica")"; done
sleep 1
for replica in 0 1 2; do restart "$replica"; done
stop_loads
for port in "${PORTS[@]}"; do eventually 30 answers "$port" || die "port $port does not answer after all were killed"; done
say "all killed: all are back and answer"

echo verify >&"${WRITES[1]}"
while read -r -t 120 line <&"${WRITES[0]}"; do say "client: $line"; done || true
wait "$CLIENT_PID" || die "acknowledged writes are missing, or could not be read back"
eventually 30 stay_equal || {
    "$TRIREME" status "$DIR" >&2
    die "the states differ at the end"
}
say "all three state hashes agree:$(status_row stateHash)"

kill -TERM "$CLUSTER"
wait "$CLUSTER" || die "the cluster ended with code $?"
[ ! -e "$DIR/control" ] || die "the control socket was left behind"
