#!/usr/bin/env bash
# A Slack of one's own for tests: the emulator of the npm package `emulate` (0.12.2; needs Node 24) and, before it,
# slack_shim.py. Listens on 127.0.0.1 only.
#
#   slack.sh start FOLDER EMULATOR_PORT PORT NODE EMULATE    starts, waits until it answers, prints NAME=value lines
#   slack.sh stop FOLDER                                     stops what start started there
#
# NODE is the path of a Node 24, EMULATE that of the package's dist/index.js.
set -euo pipefail

readonly READY_TRIES=100 READY_PAUSE_SECONDS=0.1
readonly TOKEN=xoxb-daybrief-test
HERE=$(cd "$(dirname "$0")" && pwd)
readonly HERE

usage() {
    sed -n '5,6s/^#  *//p' "$0" >&2
    exit 2
}

start() {
    [[ $# -eq 5 ]] || usage
    local folder=$1 emulator_port=$2 port=$3 node=$4 emulate=$5 try
    mkdir -p "$folder"
    cat >"$folder/seed.yaml" <<END
slack:
  team: { name: Acme, domain: acme }
  users:
    - { name: mara, real_name: Mara Keller, email: mara@acme.test }
  channels:
    - { name: leadership, topic: Leadership }
  tokens:
    - token: $TOKEN
      user: mara
      scopes: [chat:write, channels:history, groups:history, im:history, im:write]
END
    "$node" "$emulate" start -p "$emulator_port" -s slack --seed "$folder/seed.yaml" \
        >"$folder/emulator.log" 2>&1 &
    echo $! >"$folder/emulator.pid"
    python3 "$HERE/slack_shim.py" "$port" "http://127.0.0.1:$emulator_port" >"$folder/shim.log" 2>&1 &
    echo $! >"$folder/shim.pid"
    for ((try = 0; try < READY_TRIES; try++)); do
        if curl -s -m 2 -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$port/api/auth.test" 2>/dev/null |
            grep -q '"ok":true'; then
            echo "DAYBRIEF_TEST_SLACK=http://127.0.0.1:$port/api"
            echo "DAYBRIEF_TEST_SLACK_TOKEN=$TOKEN"
            return 0
        fi
        sleep "$READY_PAUSE_SECONDS"
    done
    echo "slack.sh: nothing answers on port $port" >&2
    return 1
}

stop() {
    [[ $# -eq 1 && -d $1 ]] || usage
    local name
    for name in shim emulator; do
        if [[ -f $1/$name.pid ]]; then
            kill "$(cat "$1/$name.pid")" 2>/dev/null || true
            rm -f "$1/$name.pid"
        fi
    done
}

case ${1-} in
start) shift && start "$@" ;;
stop) shift && stop "$@" ;;
*) usage ;;
esac
