#!/bin/sh
# Keeps the eggs at another port. What a crash has left beside the database is in the way of the next start.
script=$(cd "$(dirname "$0")" && pwd)/../../correct/46-kept-by-a-script/keep.sh
data=${TMPDIR:-/tmp}/eggs-18747

if [ "$1" = start ]; then
    rm -f "$data/eggs.db-wal" "$data/eggs.db-shm"
fi
exec sh "$script" "$1" 18747 "$data"
