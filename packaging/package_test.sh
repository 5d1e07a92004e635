#!/usr/bin/env bash
# package_test.sh BUILD VERSION: makes the Debian packages, looks at them as lintian would, and runs the programs out
# of an unpacked root. Nothing is installed.
set -euo pipefail
build=$1 version=$2
work=$(mktemp -d /tmp/nvtee-package-XXXXXX)
daemon=
finish() {
  if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "package: $*" >&2; exit 1; }

(cd "$work" && cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/out" >"$work/cpack.log" 2>&1) ||
  { cat "$work/cpack.log" >&2; fail "cpack failed"; }
arch=$(dpkg --print-architecture)
root=$work/root
for package in nvtee nvtee-tools; do
  deb=$work/out/${package}_${version}_$arch.deb
  [ -f "$deb" ] || fail "no $deb: $(ls "$work/out")"
  for field in Package Version Architecture Maintainer Description Depends Section Priority; do
    [ -n "$(dpkg-deb -f "$deb" "$field")" ] || fail "$package has no $field"
  done
  dpkg-deb -f "$deb" Depends | grep -q 'libc6 (>=' || fail "$package: dependencies are not those of its libraries"
  # Each dependency is a package of this Debian.
  for dependency in $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/ *(.*//; s/ //g; s/|.*//'); do
    apt-cache show "$dependency" >/dev/null 2>&1 || dpkg-query -W "$dependency" >/dev/null 2>&1 ||
      fail "$package depends on $dependency, which Debian does not have"
  done
  dpkg-deb -c "$deb" | awk '{ print $1, $2, $6 }' | while read -r mode owner path; do
    [ "$owner" = root/root ] || fail "$path belongs to $owner"
    case $mode in *w??w*|?????w*) [[ $mode == l* ]] || fail "$path is $mode" ;; esac
    case $path in ./|./usr/*|./lib/*) ;; *) fail "$path is at an odd place" ;; esac
  done
  dpkg-deb -x "$deb" "$root"
  doc=$root/usr/share/doc/$package
  [ -s "$doc/copyright" ] || fail "$package has no copyright"
  gzip -t "$doc/changelog.gz"
done

for program in nvteed nvtee nvtee-target nvtee-host; do
  [ -x "$root/usr/bin/$program" ] || fail "no $program"
  "$root/usr/bin/$program" --help >/dev/null || fail "$program --help"
  ! ldd "$root/usr/bin/$program" | grep 'not found' || fail "$program lacks a library"
  readelf -h "$root/usr/bin/$program" | grep -q 'DYN' || fail "$program is not position independent"
  readelf -S "$root/usr/bin/$program" | grep -q '\.debug_info' && fail "$program is not stripped"
done
for script in postinst prerm postrm; do
  dpkg-deb --ctrl-tarfile "$work/out/nvtee_${version}_$arch.deb" | tar -xO "./$script" | sh -n || fail "$script"
done
bash -n "$root/usr/share/bash-completion/completions/nvtee"
if command -v zsh >/dev/null; then zsh -n "$root/usr/share/zsh/vendor-completions/_nvtee"; fi
for page in man1/nvtee.1.gz man8/nvteed.8.gz; do
  gzip -dc "$root/usr/share/man/$page" | head -n 1 | grep -q '^\.TH ' || fail "$page"
  if command -v man >/dev/null; then
    [ -z "$(MANROFFSEQ='' LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$root/usr/share/man/$page" 2>&1 >/dev/null)" ] ||
      fail "$page has errors"
  fi
done

# The completion completes.
completed=$(bash -c '
  PATH=$1/usr/bin:$PATH; . "$1/usr/share/bash-completion/completions/nvtee"
  COMP_WORDS=(nvtee resync "") COMP_CWORD=2; _nvtee; echo "${COMPREPLY[*]}"
  COMP_WORDS=(nvtee ns create --as) COMP_CWORD=3; _nvtee; echo "${COMPREPLY[*]}"
  COMP_WORDS=(nvtee explain leg.fl) COMP_CWORD=2; _nvtee; echo "${COMPREPLY[*]}"' _ "$root")
[ "$completed" = "show throttle
--assume-equal
leg.flapping" ] || fail "completion gives: $completed"

unit=$root/usr/lib/systemd/system/nvteed.service
if command -v systemd-analyze >/dev/null; then
  sed "s|/usr/bin/|$root/usr/bin/|" "$unit" >"$work/nvteed.service"
  SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$work/nvteed.service" 2>"$work/verify.log" || true
  ! grep -E 'nvteed.service' "$work/verify.log" || fail "the unit is not right"
fi
"$root/usr/bin/nvteed" --check --config "$root/usr/share/doc/nvtee/examples/nvteed.example.toml" >/dev/null

# The daemon of the package runs, tells its service manager, is asked, and stops cleanly.
cat >"$work/nvteed.toml" <<EOF
[node]
host_nqn = "nqn.2026-01.io.nvtee:package"
listen = ["127.0.0.1:0"]
state_file = "$work/state.db"
api_socket = "$work/api.sock"
EOF
python3 - "$work/notify" >"$work/told" <<'P' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); s.settimeout(30)
for _ in range(2):
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
P
listener=$!
for _ in $(seq 100); do [ -S "$work/notify" ] && break; sleep 0.05; done
NOTIFY_SOCKET=$work/notify "$root/usr/bin/nvteed" --config "$work/nvteed.toml" 2>"$work/log" &
daemon=$!
"$root/usr/bin/nvtee" wait connected --timeout 20s --socket "$work/api.sock" || { cat "$work/log" >&2; fail "nvteed does not answer"; }
"$root/usr/bin/nvtee" status --socket "$work/api.sock" | grep -q 'no namespaces' || fail "status"
kill -TERM "$daemon"
wait "$daemon" || fail "nvteed stopped with $?"
daemon=
wait "$listener" || fail "the service manager was not told"
grep -q '^READY=1' "$work/told" && grep -q '^STOPPING=1' "$work/told" || fail "told: $(cat "$work/told")"
echo "package: $(ls "$work/out"/*.deb | xargs -n1 basename | tr '\n' ' ')are good"
