#!/bin/sh
# Run the official conformance suite against the reference server with the suite's fixture tools. Needs npx (Node.js).
set -eu
cd "$(dirname "$0")/../.."
SUITE=@modelcontextprotocol/conformance@0.2.0-alpha.12
folder=$(mktemp -d)
.venv/bin/python -m tests.conformance.server --port 0 --data-root "$folder/data" --store "$folder/tasks.db" >"$folder/ready" &
server=$!
trap 'kill "$server"; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
tries=0
until url=$(sed -n 's/.*"url": "\([^"]*\)".*/\1/p' "$folder/ready") && [ -n "$url" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the server does not start" >&2; exit 1; }
    sleep 0.1
done
(cd "$folder" && npx --yes -p node@22 -p "$SUITE" -- conformance server --url "$url" --suite all \
    --expected-failures "$OLDPWD/tests/conformance/baseline.yml")
