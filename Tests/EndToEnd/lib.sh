# What tests with real processes share. Everything runs on loopback, in a temporary directory, and is ended by its own number.
# SUITE is what they are called in what they say.
SUITE=${SUITE:-end-to-end}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TRIREME=$ROOT/.build/release/trireme
CLIENT=$ROOT/.build/release/acknowledged-writes
WORK=$(mktemp -d "${TMPDIR:-/tmp}/trireme-$SUITE-XXXXXX")
CHILDREN=()

say() { echo "$SUITE: $*"; }
die() {
    echo "$SUITE: FAILED: $*" >&2
    exit 1
}

# The ends of all logs. Progress that was written over itself counts as lines.
show_logs() {
    local log
    for log in "$WORK"/*.log; do
        [ -s "$log" ] || continue
        echo "--- $(basename "$log")"
        tail -c 4000 "$log" | tr '\r' '\n' | grep -v '^ *$' | cut -c 1-200 | tail -n 12
    done
}

# A test redefines it whose child lets no signal through to what it has started itself.
end_children_of() { :; }

# Ends what this test started, by number, and removes its files.
clean_up() {
    local status=$?
    trap - EXIT
    for pid in "${CHILDREN[@]}"; do
        end_children_of "$pid"
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${CHILDREN[@]}"; do wait "$pid" 2>/dev/null || true; done
    [ "$status" = 0 ] || show_logs >&2
    rm -rf "$WORK"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# eventually SECONDS COMMAND...: runs the command until it succeeds.
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# One counter of all replicas of the cluster in DIR, as `trireme status` has it, in the order of their numbers.
status_row() { "$TRIREME" status "$DIR" | awk -v name="$1" '$1 == name { $1 = ""; gsub(",", ""); print }'; }
