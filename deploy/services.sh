#!/usr/bin/env bash
# Run the webserver and the daemon in the background: services.sh up | down | ps | logs, and `foreground` for systemd.
# supervisord (supervisord.conf) restarts a service that dies. This script checks, waits, reports and cleans up.
set -euo pipefail
cd "$(dirname "$0")/.."

export UI_HOST="${UI_HOST:-127.0.0.1}" PORT="${PORT:-3000}"
export UI_URL="http://$UI_HOST:$PORT"
DAGSTER_HOME="$(cd "${DAGSTER_HOME:-.}" && pwd)"  # Dagster needs an absolute path
BIN="$(cd "${BIN:-.venv/bin}" && pwd)"
export DAGSTER_HOME PATH="$BIN:$PATH"
RUN=data/run
CONF=deploy/supervisord.conf
START_SECONDS=120
STOP_SECONDS=60

ctl() { supervisorctl -c "$CONF" "$@"; }
say() { echo "$*" >&2; }
refuse() { say "$*"; exit 1; }
lives() { ps -o stat= -p "$1" | grep -qv '^Z'; }
is_up() { [ -S "$RUN/ctl" ] && ctl pid >/dev/null 2>&1; }
url() { cat "$RUN/url" 2>/dev/null || echo "(unknown)"; }

# The number of a process may be that of another one later, above all after the machine has started again. The boot and
# the start of process $1 tell them apart. Linux counts the start from the boot, so a changed clock does not change it.
boot() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.bootsessionuuid; }
start() {
  if [ -d /proc/self ]; then
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
  else
    ps -o lstart= -p "$1"
  fi || true  # it has ended
}

# Keep process group $1, whose first process has the same number, in the list of the groups that `make up` started.
record() { echo "$1 $(boot) $(start "$1")" >> "$RUN/groups"; }

# Print the recorded groups. A group whose first process has ended keeps its number for as long as a process of it lives.
# An earlier version recorded the number only.
ours() {
  local group at began now
  while read -r group at began; do
    now="$(start "$group")"
    if [ -z "$at" ] || { [ "$at" = "$(boot)" ] && [ "${now:-$began}" = "$began" ]; }; then echo "$group"; fi
  done < "$RUN/groups"
}

# Print the process groups that `make up` started and that still have a live process.
left() {
  [ -s "$RUN/groups" ] || return 0
  ps -axwwo pgid=,stat=,command= | # ww: whole lines, whatever COLUMNS says
    awk 'NR == FNR { ours[$1]; next } ($1 in ours) && $2 !~ /^Z/ && /dagster|stx_pipelines\.defs\.(webserver|daemon)|multiprocessing/ { print $1 }' \
      <(ours) - | sort -u
}

port_is_free() {
  python - "$UI_HOST" "$PORT" <<'PYTHON'
import socket, sys
try:
    socket.create_server((sys.argv[1], int(sys.argv[2]))).close()
except (OSError, OverflowError, ValueError) as error:
    sys.exit(f"the UI cannot listen on {sys.argv[1]}:{sys.argv[2]} ({error}); try `PORT=3001 make up`")
PYTHON
}

ui_answers() {
  python - "$PORT" "$UI_HOST" 2>/dev/null <<'PYTHON'
import sys, urllib.request
host = "127.0.0.1" if sys.argv[2] in ("0.0.0.0", "::") else sys.argv[2]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
direct.open(f"http://{host}:{sys.argv[1]}/server_info", timeout=2).close()
PYTHON
}

prepare() {
  export STX_AUTOSTART=1  # turns the sensors on, whatever .env says
  # Dagster copies .env over the environment. This variable keeps the settings of the environment (stx_pipelines/settings.py).
  _STX_EXPORTED="$(python -c 'from stx_pipelines.settings import exported; print(exported())')"
  export _STX_EXPORTED
  [ "${#PWD}" -le 80 ] || refuse "this folder's path is too long for a socket (80 characters at most): $PWD"
  if is_up; then refuse "already running; the UI is on $(url); \`make down\` stops it"; fi
  [ -z "$(left)" ] || refuse "an earlier \`make up\` was killed and left processes behind; \`make down\` ends them"
  port_is_free || exit 1
  mkdir -p "$RUN/logs"
  # Both services would create Dagster's storage at the same time, which breaks it.
  python -c 'from dagster import DagsterInstance; DagsterInstance.get()' >"$RUN/logs/storage.log" 2>&1 || true
  : > "$RUN/groups"
  echo "$UI_URL" > "$RUN/url"
  python -c 'from stx_pipelines.version import VERSION; print(VERSION)' > "$RUN/version"  # for `health`
  # For `health`, which judges these services only for their own data folder. Wrong settings are reported by the services.
  python -c 'from stx_pipelines.settings import load_settings; print(load_settings().stx_data_dir.resolve())' \
    > "$RUN/folder" 2>/dev/null || rm -f "$RUN/folder"
}

up() {
  prepare
  touch "$RUN/logs/supervisord.log"
  LOGGED="$(wc -c < "$RUN/logs/supervisord.log")"
  supervisord -c "$CONF" || refuse "supervisord did not start; see $RUN/logs/supervisord.log"
  await_services
  # Keep a Mac awake while the services run; caffeinate ends together with supervisord.
  if command -v caffeinate >/dev/null; then
    caffeinate -i -w "$(cat "$RUN/supervisord.pid")" >/dev/null 2>&1 </dev/null &
  fi
  echo "the UI is on $(url), the dashboard page on $(url)/page/; \`make logs\` follows the logs, \`make down\` stops everything"
}

await_services() {
  local state failed end=$((SECONDS + START_SECONDS))
  while ((SECONDS < end)); do
    sleep 1
    state="$(ctl status || true)"
    failed="$(awk '$2 ~ /BACKOFF|FATAL|EXITED/ { print $1; exit }' <<<"$state")"
    # A service that is started again is in these states for a moment only.
    [ -n "$failed" ] || failed="$(tail -c "+$((LOGGED + 1))" "$RUN/logs/supervisord.log" | sed -n 's/.* exited: \([a-z]*\) .*/\1/p' | head -n 1)"
    if [ -n "$failed" ]; then
      tail -n 15 "$RUN/logs/$failed.log" >&2 || true
      stop
      refuse "the $failed did not start; everything is stopped again; the lines above are from $RUN/logs/$failed.log"
    fi
    if [ "$(grep -c RUNNING <<<"$state")" = 2 ] && ui_answers; then return; fi
  done
  stop
  refuse "the UI did not respond within $START_SECONDS s; everything is stopped again; see $RUN/logs"
}

down() {
  if ! is_up && [ -z "$(left)" ]; then
    clear_files  # those of services that ended by themselves, for example with the machine
    echo "nothing is running"
    return
  fi
  stop
  echo "stopped"
}

stop() {
  local supervisor='' supervised='' end=$((SECONDS + STOP_SECONDS))
  if is_up; then
    supervisor="$(ctl pid)"
    supervised="$(ctl pid all || true)"
  fi
  # End the groups that supervisord no longer controls: that of a killed service, or all if supervisord was killed.
  signal TERM "$supervised"
  if [ -n "$supervisor" ]; then ctl shutdown >/dev/null || true; fi
  # Runs in progress end after the signal, and stored days are kept. Processes that do not end are killed.
  while [ -n "$(left)" ] || { [ -n "$supervisor" ] && lives "$supervisor"; }; do
    if ((SECONDS > end)); then
      say "these process groups were still running after $STOP_SECONDS s and are now killed:" $(left)
      signal KILL
      [ -z "$supervisor" ] || kill -KILL "$supervisor" 2>/dev/null || true
    fi
    sleep 0.3
  done
  clear_files
}

clear_files() { rm -f "$RUN/groups" "$RUN/url" "$RUN/version" "$RUN/folder"; }

# Send signal $1 to the remaining groups, except those in $2.
signal() {
  local group
  for group in $(left); do
    grep -qx "$group" <<<"${2:-}" || kill -s "$1" -- "-$group" 2>/dev/null || true
  done
}

ps_() {
  if is_up; then
    ctl status || true
    echo "the UI is on $(url)"
  elif [ -n "$(left)" ]; then
    echo "an earlier \`make up\` was killed and left processes behind; \`make down\` ends them"
  else
    echo "nothing is running; \`make up\` starts it"
  fi
}

logs() {
  [ -d "$RUN/logs" ] || refuse "there are no logs yet; \`make up\` writes them"
  exec tail -n 40 -F "$RUN"/logs/*.log
}

case "${1:-}" in
  up | down | logs) "$1" ;;
  record) record "$2" ;; # for supervisord.conf
  ps) ps_ ;;
  foreground)
    prepare
    exec supervisord -n -c "$CONF"
    ;;
  *) refuse "usage: $0 up | down | ps | logs | foreground" ;;
esac
