#!/bin/sh
# Keeps the eggs at another port, where each start warms up for three seconds.
script=$(cd "$(dirname "$0")" && pwd)/../../correct/46-kept-by-a-script/keep.sh
exec sh "$script" "$1" 18748 "${TMPDIR:-/tmp}/eggs-18748" 3
