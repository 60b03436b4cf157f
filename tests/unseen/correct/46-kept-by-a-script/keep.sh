#!/bin/sh
# keep.sh start | stop | kill | alive [PORT [DATA [WARM-UP]]]: keeps one server of eggs, by a file with its process id.
here=$(cd "$(dirname "$0")" && pwd)
port=${2:-18746}
data=${3:-${TMPDIR:-/tmp}/eggs-$port}
pid=$data/pid

case $1 in
start)
    mkdir -p "$data"
    setsid nohup python3 "$here/server.py" --port "$port" --db "$data/eggs.db" --warm-up "${4:-0}" \
        </dev/null >>"$data/log" 2>&1 &
    echo $! >"$pid"
    ;;
stop) kill "$(cat "$pid")" ;;
kill) kill -9 "$(cat "$pid")" ;;
alive) kill -0 "$(cat "$pid")" && cat "$pid" ;;
*)
    echo "start, stop, kill or alive?" >&2
    exit 2
    ;;
esac
