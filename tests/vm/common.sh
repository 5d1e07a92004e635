# Shared by the tests with a guest: processes that end with the test, bounded waits. Sourced with BIN and GUESTS set.
# shellcheck shell=bash
work=$(mktemp -d)
pids=()
cleanup() {
  local status=$?
  if [ "$status" != 0 ] && [ "$status" != 77 ]; then
    for f in "$work"/*.log "$work"/console; do
      [ -f "$f" ] && echo "---- $(basename "$f")" && tail -n 60 "$f"
    done
  fi
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

die() {
  echo "FAIL: $*"
  exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
  local limit=$1 what=$2 i
  shift 2
  for ((i = 0; i < limit * 10; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  die "not within $limit s: $what"
}

start_target() {  # start_target NAME SIZE [OPTIONS]: sets target_NAME_pid and target_NAME_port
  local name=$1 size=$2 port=0
  shift 2
  [ -f "$work/$name.port" ] && port=$(cat "$work/$name.port")
  rm -f "$work/$name.port"
  "$BIN/nvtee-target" --listen "127.0.0.1:$port" --file "$work/$name.img" --size "$size" --subnqn "nqn.2026-01.io.nvtee:$name" \
    --durability process --port-file "$work/$name.port" "$@" >>"$work/$name.log" 2>&1 &
  pids+=($!)
  printf -v "target_${name}_pid" %s $!
  wait_for 20 "target $name listens" test -s "$work/$name.port"
  printf -v "target_${name}_port" %s "$(cat "$work/$name.port")"
}

# start_node LEG...: LEG = NAME=PORT=NQN. Sets node_pid and node_port.
SUBNQN=nqn.2026-01.io.nvtee:vm
start_node() {
  local leg name port nqn legs=
  {
    printf '[node]\nhost_nqn = "nqn.2026-01.io.nvtee:node"\nlisten = ["127.0.0.1:0"]\nstate_file = "%s/state.db"\napi_socket = "%s/api.sock"\n' \
      "$work" "$work"
    printf '[[subsystem]]\nnqn = "%s"\nany_host = true\n' "$SUBNQN"
    for leg in "$@"; do
      IFS== read -r name port nqn <<<"$leg"
      printf '[[peer]]\nname = "%s"\naddresses = ["127.0.0.1:%s"]\nnqn = "%s"\n' "$name" "$port" "$nqn"
      legs+="${legs:+, }{ peer = \"$name\", nsid = 1 }"
    done
    printf '[[namespace]]\nname = "vol"\nsubsystem = "%s"\nnsid = 1\nlegs = [%s]\nassume_equal = true\n' "$SUBNQN" "$legs"
  } >"$work/nvteed.toml"
  "$BIN/nvteed" --config "$work/nvteed.toml" >>"$work/nvteed.log" 2>&1 &
  node_pid=$!
  pids+=("$node_pid")
  export NVTEE_SOCKET=$work/api.sock
  wait_for 20 "the namespace is there" "$BIN/nvtee" ns show vol
  wait_for 20 "all legs are in sync" "$BIN/nvtee" status
  node_port=$("$BIN/nvtee" status -o json | grep -o '127\.0\.0\.1:[0-9]*' | head -n1 | cut -d: -f2)
}

# run_guest NAME SCRIPT [NET]: in the background; sets guest_pid; console in $work/console
run_guest() {
  : >"$work/console"
  "$(dirname "${BASH_SOURCE[0]}")/run_guest.sh" "$GUESTS" "$1" "$2" "$work/console" "${3:-user,id=n0}" >>"$work/qemu.log" 2>&1 &
  guest_pid=$!
  pids+=("$guest_pid")
}

wait_mark() {  # wait_mark SECONDS TEXT: the guest printed it, or the guest ended
  local i
  for ((i = 0; i < $1 * 10; i++)); do
    grep -q "^$2" "$work/console" && return
    kill -0 "$guest_pid" 2>/dev/null || { grep -q "^$2" "$work/console" && return; die "the guest ended before \"$2\""; }
    sleep 0.1
  done
  die "no \"$2\" from the guest within $1 s"
}
