#!/usr/bin/env bash
# The files of Tuning under the tools that will read them: tuned, sysctl, systemd-tmpfiles, systemd-sysusers, systemd-analyze;
# the unit's promises under a real replica: what it tells the service manager, and which system calls it makes; and an
# interrupted `tune measure`. Changes no setting of this machine. Needs the binary (make build). Run by `make tuning-test`.
set -euo pipefail
SUITE=tuning
source "$(dirname "$0")/../EndToEnd/lib.sh"
TUNING=$ROOT/Tuning
# strace lets no signal through to itself: what it traces is told first.
end_children_of() { kill -TERM $(cat "/proc/$1/task/$1/children" 2>/dev/null) 2>/dev/null || true; }

# quiet NAME COMMAND...: it succeeds, and says nothing: these tools warn about what they do not know, and go on.
quiet() {
    local name=$1 said
    shift
    said=$("$@" 2>&1) || die "$name: exit code $?: $said"
    [ -z "$said" ] || die "$name: $said"
}
# fails COMMAND...: it must complain; else the test above it could not fail.
fails() {
    local said
    ! said=$("$@" 2>&1) || [ -n "$said" ] || die "a file with a mistake passed: $*"
}

install_missing() {
    local missing=() package
    for package in procps systemd strace redis-tools python3 python3-dbus python3-pyudev python3-linux-procfs; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} != 0 ] || return 0
    say "installing ${missing[*]} (Debian packages)"
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# tuned itself is only unpacked: installed, its daemon would start and change this machine.
tuned() {
    (cd "$WORK" && apt-get download -qq tuned >/dev/null 2>&1) || die "Debian's package tuned cannot be downloaded (apt-get update first)"
    dpkg-deb -x "$WORK"/tuned_*.deb "$WORK/tuned"
    # Debian's own Python, which has the packages.
    /usr/bin/python3 "$ROOT/Tests/Tuning/tuned_profiles.py" "$TUNING/tuned" "$WORK/tuned/usr/lib/tuned" \
        "$WORK/tuned/usr/lib/python3/dist-packages" || die "tuned does not take the profiles"
}

sysctl_d() {
    local file=$TUNING/sysctl.d/60-trireme.conf
    # Prints what it would write; a setting that this kernel lacks is an error unless the file marks it with a dash.
    /usr/sbin/sysctl --dry-run --load="$file" >"$WORK/sysctl" 2>"$WORK/sysctl.err" || die "sysctl: $(cat "$WORK/sysctl.err")"
    local wanted
    wanted=$(grep -c '^[^#]' "$file")
    [ "$(grep -c ' = ' "$WORK/sysctl")" = "$wanted" ] || [ "$(id -u)" != 0 ] \
        || die "sysctl would set $(grep -c ' = ' "$WORK/sysctl") of $wanted settings: $(cat "$WORK/sysctl.err")"
    # The commented ones too.
    sed 's/^#\(net\.\)/\1/' "$file" >"$WORK/all.conf"
    quiet "sysctl, latency" sh -c "/usr/sbin/sysctl --dry-run --load='$WORK/all.conf' >/dev/null"
    echo 'net.core.rmem_maximum = 1' >"$WORK/bad.conf"
    fails sh -c "/usr/sbin/sysctl --dry-run --load='$WORK/bad.conf' >/dev/null"
    say "sysctl --dry-run takes sysctl.d/60-trireme.conf"
}

tmpfiles_and_sysusers() {
    local root=$WORK/root thp=sys/kernel/mm/transparent_hugepage halt=sys/module/haltpoll/parameters
    mkdir -p "$root/etc/tmpfiles.d" "$root/etc/sysusers.d" "$root/$thp" "$root/$halt"
    echo never >"$root/$thp/enabled"
    echo never >"$root/$thp/defrag"
    echo 0 >"$root/$halt/guest_halt_poll_ns"
    sed 's/^#w/w/' "$TUNING/tmpfiles.d/trireme.conf" >"$root/etc/tmpfiles.d/trireme.conf"
    quiet systemd-tmpfiles systemd-tmpfiles --create --root="$root" trireme.conf
    [ "$(cat "$root/$thp/enabled") $(cat "$root/$thp/defrag") $(cat "$root/$halt/guest_halt_poll_ns")" = "madvise madvise 200000" ] \
        || die "systemd-tmpfiles wrote other values than the file has"
    cp "$TUNING/sysusers.d/trireme.conf" "$root/etc/sysusers.d/"
    systemd-sysusers --root="$root" trireme.conf >/dev/null 2>&1 || die "systemd-sysusers: exit code $?"
    grep -q '^trireme:.*:/var/lib/trireme:' "$root/etc/passwd" || die "systemd-sysusers made no user trireme"
    say "systemd-tmpfiles and systemd-sysusers do what the files say"
}

units() {
    local root=$WORK/units unit drop
    mkdir -p "$root/etc/systemd/system" "$root/usr/bin" "$root/usr/lib/systemd/system"
    cp /lib/systemd/system/*.target "$root/usr/lib/systemd/system/"
    cp "$TRIREME" "$root/usr/bin/trireme"
    unit=$root/etc/systemd/system/trireme@.service
    cp "$TUNING/systemd/trireme@.service" "$unit"
    local verify=(systemd-analyze verify --man=no --generators=no --root="$root" trireme@0.service)
    quiet "systemd-analyze verify" "${verify[@]}"
    for drop in "$TUNING"/systemd/*.conf; do
        rm -rf "$unit.d"
        mkdir "$unit.d"
        cp "$drop" "$unit.d/placement.conf"
        quiet "systemd-analyze verify with $(basename "$drop")" "${verify[@]}"
    done
    rm -rf "$unit.d"
    # 20 is 2.0 of 10. What is left open: the network, /proc beyond processes, a user namespace.
    systemd-analyze security --offline=yes --no-pager --threshold=20 --root="$root" trireme@0.service >"$WORK/security" 2>&1 \
        || die "systemd-analyze security: $(tail -1 "$WORK/security")"
    say "systemd-analyze: units are right;$(tail -1 "$WORK/security" | tr -d '→')"
    sed -i 's/^NUMAMask=0/NUMAMask=zero/' "$unit"
    fails "${verify[@]}"
}

# The names of the system calls that the unit lets through, from the unit and systemd's own groups.
allowed_calls() {
    /usr/bin/python3 - "$TUNING/systemd/trireme@.service" <<'P'
import re, subprocess, sys
groups, name = {}, None
for line in subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True).stdout.splitlines():
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if line.startswith("@"): name = line.strip(); groups[name] = []
    elif name and line.startswith("    ") and not line.strip().startswith("#"): groups[name].append(line.strip())
def expand(word): return {call for part in groups[word] for call in expand(part)} if word.startswith("@") else {word}
allowed = expand("@default")
for line in open(sys.argv[1]):
    match = re.match(r"SystemCallFilter=(~?)(.*)", line.strip())
    for word in match[2].split() if match else []:
        allowed = allowed - expand(word) if match[1] else allowed | expand(word)
print("\n".join(sorted(allowed)))
P
}

# A replica as the unit starts it, without privileges, under strace: it tells when it serves and when it ends, and makes no call
# that the unit forbids.
replica() {
    local own=$WORK/replica binary=$WORK/units/usr/bin/trireme plain=()
    mkdir "$own"
    if [ "$(id -u)" = 0 ]; then
        chmod 711 "$WORK"
        chown nobody "$own"
        plain=(setpriv --reuid nobody --regid nogroup --clear-groups)
    fi
    local port=$((20000 + RANDOM % 20000)) group=$((20000 + RANDOM % 20000))
    cat >"$WORK/cluster.json" <<J
{"clusterID": "5f0d7c3e9a1b4d2f8c6e0a9b7d5f3e11", "interface": "lo", "group": {"address": "239.77.9.1", "port": $group},
 "members": [{"id": 0, "address": "127.0.0.1", "respPort": $port}], "log": {"segmentMebibytes": 16, "segments": 4},
 "allowSingleCopy": true}
J
    /usr/bin/python3 - "$WORK/notify" >"$WORK/heard" <<'P' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True: print(repr(listener.recv(4096).decode()), flush=True)
P
    CHILDREN+=($!)
    eventually 10 [ -S "$WORK/notify" ] || die "the service manager's part did not start"
    NOTIFY_SOCKET=$WORK/notify "${plain[@]}" strace -f -qq -o "$own/strace" "$binary" serve --config "$WORK/cluster.json" \
        --replica 0 --data "$own/data" --format --placement throughput >"$WORK/serve.log" 2>&1 &
    local tracer=$!
    CHILDREN+=("$tracer")
    heard_or_ended() { grep -q 'READY=1' "$WORK/heard" || ! kill -0 "$tracer" 2>/dev/null; }
    eventually 60 heard_or_ended && grep -q 'READY=1' "$WORK/heard" || die "no READY=1; the replica said: $(tail -2 "$WORK/serve.log")"
    # Whoever is told so may use it at once.
    [ "$(timeout 10 redis-cli -p "$port" set a 1)" = OK ] || die "after READY=1 a client got no answer"
    timeout 60 redis-benchmark -p "$port" -t set,get -n 2000 -P 16 -c 5 -q >/dev/null 2>&1 || die "redis-benchmark failed"
    ! grep -q STOPPING "$WORK/heard" || die "STOPPING=1 came too early"
    kill -TERM "$(cat "/proc/$tracer/task/$tracer/children")"
    wait "$tracer" || die "the replica ended with code $?: $(tail -2 "$WORK/serve.log")"
    eventually 5 grep -q 'STOPPING=1' "$WORK/heard" || die "no STOPPING=1"
    say "type notify: $(tr '\n' ' ' <"$WORK/heard")"

    # The start of the process itself is the service manager's.
    sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$own/strace" | sort -u | grep -vx execve >"$WORK/made"
    allowed_calls >"$WORK/allowed"
    [ "$(wc -l <"$WORK/made")" -gt 30 ] && [ "$(wc -l <"$WORK/allowed")" -gt 100 ] || die "the lists of system calls are too short"
    local forbidden
    forbidden=$(comm -23 "$WORK/made" <(sort "$WORK/allowed"))
    [ -z "$forbidden" ] || die "a replica makes calls that the unit forbids: $(echo $forbidden)"
    local families other
    families=$(sed -nE 's/^RestrictAddressFamilies=(.*)/\1/p' "$TUNING/systemd/trireme@.service" | tr ' ' '\n')
    other=$(grep -oE '(socket|socketpair)\(AF_[A-Z0-9]+' "$own/strace" | sed 's/.*(//' | sort -u | grep -vxF "$families" || true)
    [ -z "$other" ] || die "a replica opens sockets that the unit forbids: $(echo $other)"
    ! grep -E 'mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC|personality\(' "$own/strace" \
        || die "a replica does what MemoryDenyWriteExecute or LockPersonality forbids"
    # ProtectSystem=strict: it writes to its own directory only.
    other=$(grep -E 'open(at)?\(.*(O_WRONLY|O_RDWR|O_CREAT)|(mkdir|rename|unlink)(at)?\(' "$own/strace" | grep -v ' = -1 ' \
        | grep -vE "\"($own/data|/dev/null|/proc/self/fd/)" || true)
    [ -z "$other" ] || die "a replica writes outside of its directory: $(head -2 <<<"$other")"
    say "seccomp: the $(wc -l <"$WORK/made") system calls that a replica makes are among the unit's $(wc -l <"$WORK/allowed")"
}

# `tune measure` on a directory in place of "/", interrupted while the new value is in force: the old one comes back.
interrupted_measurement() {
    local root=$WORK/host halt=sys/module/haltpoll/parameters/guest_halt_poll_ns status=0
    mkdir -p "$root/$(dirname "$halt")"
    echo 7 >"$root/$halt"
    changed() { [ "$(cat "$root/$halt")" = 200000 ]; }
    "$TRIREME" tune measure haltpoll --root "$root" --user "$(id -un)" --pairs 2 --seconds 2 --warmup 0 -- \
        --replicas 1 --durability memory >"$WORK/measure.log" 2>&1 &
    local pid=$!
    CHILDREN+=("$pid")
    eventually 60 changed || die "tune measure never set the new value: $(tail -2 "$WORK/measure.log")"
    local bench
    bench=$(cat "/proc/$pid/task/$pid/children")
    sleep 0.5
    kill -INT "$pid"
    wait "$pid" || status=$?
    [ "$status" = 130 ] || die "an interrupted tune measure ended with code $status instead of 130: $(tail -2 "$WORK/measure.log")"
    [ "$(cat "$root/$halt")" = 7 ] || die "an interrupted tune measure left the value $(cat "$root/$halt")"
    for pid in $bench; do ! kill -0 "$pid" 2>/dev/null || die "an interrupted tune measure left process $pid behind"; done
    say "an interrupted tune measure puts the old value back and ends its bench"
}

[ -x "$TRIREME" ] || die "$TRIREME is missing: make build"
install_missing
sysctl_d
tuned
tmpfiles_and_sysusers
units
replica
interrupted_measurement
