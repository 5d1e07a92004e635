#!/usr/bin/env bash
# The demo of ./dev: two file-backed targets, one node, a verified load; one target is killed in mid-load and comes back. No root, no
# kernel module, no card; everything on loopback and in a temporary directory.   usage: demo.sh BIN
set -euo pipefail
BIN=$(cd "$1" && pwd)
SUBNQN=nqn.2026-01.io.nvtee:demo
SIZE=512M
work=$(mktemp -d "${TMPDIR:-/tmp}/nvtee-demo-XXXXXX")
pids=()
cleanup() {
  local status=$?
  if [ "$status" != 0 ] && [ "$status" != 130 ]; then
    echo
    echo "the demo failed; the last lines of its logs:"
    tail -n 15 "$work"/*.log
  fi
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() {
  printf '   $ %s\n' "$*"
  "$@"
}

wait_for() {  # wait_for SECONDS WHAT COMMAND...
  local limit=$1 what=$2 i
  shift 2
  for ((i = 0; i < limit * 20; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  echo "not within $limit s: $what" >&2
  exit 1
}

start_target() {
  local name=$1 port=0
  [ -f "$work/$name.port" ] && port=$(cat "$work/$name.port")
  rm -f "$work/$name.port"
  "$BIN/nvtee-target" --listen "127.0.0.1:$port" --file "$work/$name.img" --size $SIZE --durability process \
    --subnqn "nqn.2026-01.io.nvtee:demo-$name" --port-file "$work/$name.port" >>"$work/target-$name.log" 2>&1 &
  pids+=($!)
  printf -v "pid_$name" %s $!
  wait_for 10 "target $name listens" test -s "$work/$name.port"
}

watch_legs() {  # watch_legs SECONDS UNTIL_HEALTH: prints a line each time something changed
  local end=$((SECONDS + $1)) wanted=$2 last='' now health
  while [ $SECONDS -lt $end ]; do
    now=$("$BIN/nvtee" leg list 2>/dev/null || true)
    if [ "$now" != "$last" ]; then
      health=$("$BIN/nvtee" status 2>/dev/null | sed -n 's/^ *epoch: */epoch /p' | head -n 1 || true)
      printf '   %s\n' "$health"
      sed 's/^/   /' <<<"$now"
      last=$now
    fi
    "$BIN/nvtee" status >/dev/null 2>&1 && [ "$wanted" = ok ] && return
    sleep 0.25
  done
  [ "$wanted" != ok ] || { echo "not healthy in time" >&2; exit 1; }
}

say "two targets (files of $SIZE), one node"
start_target a
start_target b
cat >"$work/nvteed.toml" <<EOF
[node]
host_nqn = "nqn.2026-01.io.nvtee:demo-node"
listen = ["127.0.0.1:0"]
state_file = "$work/state.db"
api_socket = "$work/api.sock"
[limits]
open_max = "96MiB"
[[peer]]
name = "a"
addresses = ["127.0.0.1:$(cat "$work/a.port")"]
nqn = "nqn.2026-01.io.nvtee:demo-a"
[[peer]]
name = "b"
addresses = ["127.0.0.1:$(cat "$work/b.port")"]
nqn = "nqn.2026-01.io.nvtee:demo-b"
[[subsystem]]
nqn = "$SUBNQN"
any_host = true
[[namespace]]
name = "vol"
subsystem = "$SUBNQN"
nsid = 1
legs = [{ peer = "a", nsid = 1 }, { peer = "b", nsid = 1 }]
assume_equal = true
EOF
"$BIN/nvteed" --config "$work/nvteed.toml" >>"$work/nvteed.log" 2>&1 &
node=$!
pids+=("$node")
export NVTEE_SOCKET=$work/api.sock
wait_for 15 "the namespace is there" "$BIN/nvtee" ns show vol
wait_for 15 "all legs are in sync" "$BIN/nvtee" status
port=$("$BIN/nvtee" status -o json | grep -o '127\.0\.0\.1:[0-9]*' | head -n 1 | cut -d: -f2)
show "$BIN/nvtee" status

say "a load that checks every block it reads: 16 s of mixed sizes, depth 32"
"$BIN/nvtee-host" run -a "127.0.0.1:$port" -n $SUBNQN --verify --mix read=40,write=57,flush=1,zeroes=2 --bs 4k-64k --depth 32 --range 0:256M \
  --rate 4000 --time 16s >"$work/load.log" 2>&1 &
load=$!
pids+=("$load")
sleep 3
say "target b is killed (SIGKILL) under it"
kill -9 "$pid_b"
{ wait "$pid_b" || true; } 2>/dev/null
killed=$SECONDS
wait_for 10 "the loss is noticed" sh -c "! '$BIN/nvtee' status"
show "$BIN/nvtee" status || true
while [ $((SECONDS - killed)) -lt 3 ]; do sleep 0.2; done
say "target b comes back: only what it missed, and what was open, is copied"
start_target b
watch_legs 30 ok
say "the load"
wait "$load" || { echo "the load failed or found a mismatch"; cat "$work/load.log"; exit 1; }
cat "$work/load.log"
say "what happened"
show "$BIN/nvtee" events
say "the node stops (SIGTERM: regions are flushed and closed), and the files are compared byte by byte"
kill -TERM "$node"
wait "$node"
cmp "$work/a.img" "$work/b.img"
echo "   $(stat -c %s "$work/a.img") bytes: a.img and b.img are identical"
gap=$(sed -n 's/.*longest time without an answer[^0-9]*\([0-9.]* *[a-z]*\).*/\1/p' "$work/load.log" | head -n 1)
echo "   longest gap between completions while a leg died and returned: ${gap:-see above}"
say "by hand"
cat <<EOF
   A target:   $BIN/nvtee-target --file /var/tmp/a.img --size 1G --listen 127.0.0.1:4421
   The node:   $BIN/nvteed --config FILE          (docs/nvteed.example.toml is annotated)
   Its state:  $BIN/nvtee status;  $BIN/nvtee events --follow;  $BIN/nvtee leg --help
   A load:     $BIN/nvtee-host run -a 127.0.0.1:4420 -n SUBNQN --verify
   A Linux host with the kernel's initiator:
               modprobe nvme-tcp
               nvme discover -t tcp -a 127.0.0.1 -s 4420
               nvme connect  -t tcp -a 127.0.0.1 -s 4420 -n SUBNQN
EOF
