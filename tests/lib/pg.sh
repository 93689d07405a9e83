#!/bin/sh
# A throw-away PostgreSQL: unix socket only, a data directory of its own, gone at the end.
#
#   pg.sh start DIR     makes a cluster in DIR and starts it; prints its conninfo
#   pg.sh stop DIR      stops it and removes DIR
#
# PostgreSQL refuses to run as root, so it then runs as an unprivileged user.  DIR must be short:
# a socket's path has room for 107 letters.  It is absolute.
set -eu

find_bin() {
  for d in "${PGBIN:-}" /usr/lib/postgresql/*/bin; do
    [ -n "$d" ] && [ -x "$d/initdb" ] && bin=$d
  done
  [ -n "${bin:-}" ] || { echo "pg.sh: no PostgreSQL server found (tools/deps build)" >&2; exit 1; }
}

# The server's user may not be let into root's folders: the folder we stand in must not be one.
as_server() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u "$server" -- "$@")
  else
    "$@"
  fi
}

choose_user() {
  server=$(id -un)
  [ "$(id -u)" -eq 0 ] || return 0
  server=postgres
  id postgres >/dev/null 2>&1 || server=nobody
}

start() {
  find_bin
  choose_user
  mkdir -p "$1/data"
  if [ "$(id -u)" -eq 0 ]; then
    chown "$server" "$1" "$1/data"
    chmod 0755 "$1"
  fi
  as_server "$bin/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$1/initdb.log" 2>&1 ||
    { cat "$1/initdb.log" >&2; exit 1; }
  cat >>"$1/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$1'
unix_socket_permissions = 0777
max_connections = 60
shared_buffers = ${PG_SHARED_BUFFERS:-128MB}
max_wal_size = ${PG_MAX_WAL:-1GB}
logging_collector = off
log_min_messages = warning
CONF
  as_server "$bin/pg_ctl" -D "$1/data" -l "$1/data/server.log" -w -t 60 start >/dev/null ||
    { cat "$1/data/server.log" >&2; exit 1; }
  echo "host=$1 user=postgres dbname=postgres"
}

stop() {
  find_bin
  choose_user
  [ -d "$1/data" ] || return 0
  as_server "$bin/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$1"
}

case ${1:-} in
start) start "$2" ;;
stop) stop "$2" ;;
*) echo "usage: pg.sh start|stop DIR" >&2; exit 2 ;;
esac
