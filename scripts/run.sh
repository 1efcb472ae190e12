#!/bin/sh
# `make run`: the five vendors' sandbox and the gateway with config.toml, until Ctrl-C or until one of them ends.
set -eu
cd "$(dirname "$0")/.."

listens() {
    .venv/bin/python -c 'import socket, sys
sys.exit(socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))))' "$1"
}

# wait_for PORT PID: until the process listens there; fails when it ends before.
wait_for() {
    until listens "$1"; do
        kill -0 "$2" 2>/dev/null || exit 1
        sleep 0.1
    done
}

# The gateway first: what it has in flight still reaches the sandbox.
finish() {
    trap - EXIT
    for pid in $gateway $sandbox; do
        kill "$pid" 2>/dev/null && wait "$pid" || true
    done
}

for port in 9000 8080 8081; do
    if listens "$port"; then
        echo "Port $port is in use: end what listens there, then try again." >&2
        exit 1
    fi
done

sandbox= gateway=
trap finish EXIT
trap 'exit 0' INT TERM
.venv/bin/gateway sandbox --port 9000 &
sandbox=$!
wait_for 9000 "$sandbox"
.venv/bin/gateway serve -c config.toml &
gateway=$!
wait_for 8080 "$gateway"
wait_for 8081 "$gateway"

cat <<'TEXT'

The gateway listens on http://127.0.0.1:8080, the five vendors' sandbox on http://127.0.0.1:9000. Ctrl-C ends both.

See what flows, live, in the console: http://127.0.0.1:8081/

Send a click, in another terminal, as a client of any vendor would:

  cd examples/clicks
  curl -i http://127.0.0.1:8080/ssapi/engagement -H 'Authorization: Bearer demo-key' -H 'Content-Type: application/json' -d @gravity_field.json
  curl -i http://127.0.0.1:8080/v2/event -H 'Authorization: Bearer demo-key' -H 'Content-Type: application/json' -d @gravity_field_sdk.json
  curl -i http://127.0.0.1:8080/v2/collect/user/engagement -H 'DY-API-Key: demo-key' -H 'Content-Type: application/json' -d @dynamic_yield.json
  curl -i http://127.0.0.1:8080/api/tracker/events -H 'Authorization: Bearer demo-key' -H 'x-vaix-client-id: demo' -H 'Content-Type: application/json' -d @vaix.json
  curl -i http://127.0.0.1:8080/v1/LogTreatmentInteraction -H 'x-api-key: demo-key' -H 'Content-Type: application/json' -d @auxia.json

See what every vendor received:

  curl -s http://127.0.0.1:9000/_received

Take a vendor down, send more, bring it back, and see where they went:

  curl -X PUT http://127.0.0.1:9000/_faults -d '{"vendor": "vaix", "fault": "503"}'
  curl -X DELETE http://127.0.0.1:9000/_faults
  .venv/bin/gateway deliveries --user u-1001

See what one vendor would be told of another's click, and what is lost, without sending anything:

  .venv/bin/gateway translate dynamic_yield vaix examples/clicks/dynamic_yield.json
  .venv/bin/gateway matrix

TEXT
wait "$gateway"
