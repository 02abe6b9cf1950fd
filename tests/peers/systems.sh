# The systems that public MCP servers stand before. Sourced by `with`, which has the helpers; each says where it is.
# shellcheck shell=bash disable=SC2154

redis() {
  local p=${ports[10]}
  background redis redis-server --port "$p" --bind 127.0.0.1 --dir "$run" --save '' --appendonly no
  open redis "$p" && say DAYBRIEF_TEST_REDIS "redis://127.0.0.1:$p/0" redis
}

# Scrapes nothing: what it knows was written beforehand, and is as old as it says.
prometheus() {
  local p=${ports[11]} d=$run/prometheus
  mkdir -p "$d" && printf 'global: {}\n' > "$d/prometheus.yml" &&
    promtool tsdb create-blocks-from openmetrics "$here/../data/pairs/metrics.om" "$d/data" > "$run/prometheus.log" 2>&1 || { tail -5 "$run/prometheus.log"; return 1; }
  background prometheus prometheus --config.file="$d/prometheus.yml" --storage.tsdb.path="$d/data" --storage.tsdb.retention.time=100y --web.listen-address="127.0.0.1:$p"
  open prometheus "$p" && say DAYBRIEF_TEST_PROMETHEUS "http://127.0.0.1:$p" prometheus
}

# Its issues hang on the day that it is told.
jira() {
  local p=${ports[12]}
  background jira env JIRA820_HOST=127.0.0.1 JIRA820_PORT="$p" JIRA820_DATE=2026-11-24 "$cache/python-vendors/bin/jira820"
  open jira "$p" && say DAYBRIEF_TEST_JIRA "http://127.0.0.1:$p" jira
}

# Notion, among others, over the company that comes with it.
backlot() {
  local p=${ports[13]} d=$run/backlot
  mkdir -p "$d"
  BACKLOT_DATA_DIR=$d "$cache/python-vendors/bin/backlot" import --bundled > "$run/backlot.log" 2>&1 || { tail -5 "$run/backlot.log"; return 1; }
  background backlot env BACKLOT_DATA_DIR="$d" "$cache/python-vendors/bin/backlot" serve --port "$p" --disable-telemetry --log-level warning
  open backlot "$p" && say DAYBRIEF_TEST_NOTION "http://127.0.0.1:$p/notion" backlot
}

# One as Debian ships it, which refuses start-up options; one that is told to ignore them; and one that lends its sessions
# from transaction to transaction.
pgbouncer() {
  bouncer pgbouncer "${ports[14]}" DAYBRIEF_TEST_PGBOUNCER "" &&
    bouncer pgbouncer-ignores "${ports[15]}" DAYBRIEF_TEST_PGBOUNCER_IGNORES "ignore_startup_parameters = options" &&
    bouncer pgbouncer-lends "${ports[16]}" DAYBRIEF_TEST_PGBOUNCER_LENDS "pool_mode = transaction"
}
bouncer() { # bouncer NAME PORT VARIABLE SETTING
  local file=$run/$1.ini
  cat > "$file" << END
[databases]
* = host=127.0.0.1 port=${ports[1]} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $2
auth_type = any
unix_socket_dir =
$4
END
  background "$1" pgbouncer -u postgres "$file"
  open "$1" "$2" && say "$3" "postgres://postgres@127.0.0.1:$2/northwind" "$1"
}
