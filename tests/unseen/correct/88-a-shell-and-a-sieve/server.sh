#!/usr/bin/env bash
# Sieves sand, in bash with jq and awk, over stdio. A heap is a folder; a shovel is a file in it, which is written aside and moved.
#
# --again: a start takes the last shovel of a heap away, as nobody knows whether it was whole, and means to do it once more.
store=$1 ledger=$2 again=$3
mkdir -p "$store"
shopt -s nullglob
declare -A grains size shovels
order=()

say() { printf '%s\n' "$1"; }
ready() { ((shovels[$1] * size[$1] >= grains[$1])); }
sieved() { local n=$((shovels[$1] * size[$1])); echo $((n < grains[$1] ? n : grains[$1])); }

known() { # heap
  local there
  read -r "grains[$1]" "size[$1]" < "$store/$1/order"
  there=("$store/$1"/shovel.*)
  shovels[$1]=${#there[@]}
  order+=("$1")
}

shovel() { # heap
  local first=$((shovels[$1] * size[$1])) last name
  last=$((first + size[$1] < grains[$1] ? first + size[$1] : grains[$1]))
  name=$(printf 'shovel.%05d' "${shovels[$1]}")
  [[ $ledger ]] && awk -v t="$1" -v n="$first" -v z="$last" \
    'BEGIN { for (; n < z; n++) printf "{\"task\": \"%s\", \"record\": %d}\n", t, n }' >> "$ledger"
  awk -v n="$first" -v z="$last" 'BEGIN { for (; n < z; n++) printf "{\"grain\": %d, \"um\": %d}\n", n, 63 + n * 37 % 1937 }' \
    > "$store/$1/.new.$$" && mv "$store/$1/.new.$$" "$store/$1/$name" && ((shovels[$1]++))
}

text() { # is an error, text
  jq -cn --argjson wrong "$1" --arg text "$2" '{content: [{type: "text", text: $text}], isError: $wrong}'
}

call() { # tool, grains, shovel, heap
  local heap states=""
  case $1 in
    sieve_sand)
      if [[ ! $2$3 =~ ^[0-9]+$ || $2 -lt 1 || $3 -lt 1 ]]; then text true "how many grains, and how many at a time?"; return; fi
      heap=heap-$EPOCHSECONDS-$$-${#order[@]}
      mkdir "$store/.$heap" && echo "$2 $3" > "$store/.$heap/order" && mv "$store/.$heap" "$store/$heap"
      known "$heap"
      text false "{\"heap\": \"$heap\"}" ;;
    heap_state | grains_of)
      if [[ -z $4 || -z ${grains[$4]} ]]; then text true "no heap $4"; return; fi
      if [[ $1 == grains_of ]]; then
        text false "$(cat /dev/null "$store/$4"/shovel.* | jq -sc .)"
      else
        text false "{\"sieved\": \"$(sieved "$4")\", \"of\": \"${grains[$4]}\", \"all\": $(ready "$4" && echo true || echo false)}"
      fi ;;
    heaps)
      for heap in "${order[@]}"; do states+="$heap $(ready "$heap" && echo true || echo false)"$'\n'; done
      text false "$(printf '%s' "$states" | jq -Rsc '{heaps: [split("\n")[] | select(. != "") | split(" ") | {heap: .[0], all: (.[1] == "true")}]}')" ;;
    *) text true "no tool $1" ;;
  esac
}

TOOLS='{"tools": [
  {"name": "sieve_sand", "inputSchema": {"type": "object", "properties": {"grains": {"type": "integer"}, "shovel": {"type": "integer"}}}},
  {"name": "heap_state", "inputSchema": {"type": "object", "properties": {"heap": {"type": "string"}}}},
  {"name": "grains_of", "inputSchema": {"type": "object", "properties": {"heap": {"type": "string"}}}},
  {"name": "heaps", "inputSchema": {"type": "object", "properties": {}}}]}'
TOOLS=$(jq -c . <<< "$TOOLS")

answer() { # message
  local id method version tool number lot heap result
  IFS=$'\x1f' read -r id method version tool number lot heap < <(jq -r '[
    (.id | tojson), .method // "", .params.protocolVersion // "", .params.name // "",
    .params.arguments.grains // "", .params.arguments.shovel // "", .params.arguments.heap // ""
    ] | map(tostring) | join("\u001f")' <<< "$1")
  [[ $id == null || -z $method ]] && return
  case $method in
    initialize)
      [[ $version =~ ^(2024-11-05|2025-03-26|2025-06-18|2025-11-25)$ ]] || version=2025-06-18
      result="{\"protocolVersion\": \"$version\", \"capabilities\": {\"tools\": {}}, \"serverInfo\": {\"name\": \"sieve\", \"version\": \"1\"}}" ;;
    ping) result='{}' ;;
    tools/list) result=$TOOLS ;;
    tools/call) call "$tool" "$number" "$lot" "$heap" > "$store/.said.$$"; result=$(< "$store/.said.$$") ;;
    *) say "{\"jsonrpc\": \"2.0\", \"id\": $id, \"error\": {\"code\": -32601, \"message\": \"there is no such method\"}}"; return ;;
  esac
  say "{\"jsonrpc\": \"2.0\", \"id\": $id, \"result\": $result}"
}

for folder in "$store"/heap-*; do
  known "${folder##*/}"
  if [[ $again ]] && ! ready "${folder##*/}" && ((shovels[${folder##*/}] > 0)); then
    rm "$(printf '%s/shovel.%05d' "$folder" $((--shovels[${folder##*/}])))"
  fi
done

heard=
due=$((${EPOCHREALTIME/[.,]/} + 90000))
while true; do
  now=${EPOCHREALTIME/[.,]/}
  if ((now >= due)); then
    for heap in "${order[@]}"; do ready "$heap" || shovel "$heap"; done
    due=$((${EPOCHREALTIME/[.,]/} + 90000)) now=0
  fi
  if ((now)); then wait=$(printf '0.%06d' $((due - now))); else wait=0.09; fi
  IFS= read -r -t "$wait" part
  case $? in
    0) answer "$heard$part"; heard= ;;
    1) exit 0 ;;
    *) heard+=$part ;;
  esac
done
