#!/bin/sh
# The same events over the four transports, with nothing but curl, and one cursor that goes from each to the next.
#   sh examples/transports.sh [URL]
# Makes an account and a room of its own, and deletes both at the end. Takes a few seconds.
set -eu
export LC_ALL=C
url=${1:-http://localhost:8080}
api=$url/api/v1
work=$(mktemp -d)
token=
password=
room=
background=

finish() {
  [ -z "$background" ] || kill "$background" 2>/dev/null || true
  [ -z "$room" ] || call DELETE "/rooms/$room" || true
  [ -z "$token" ] || call DELETE /me -d "{\"password\": \"$password\"}" || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

step() { printf '\n== %s\n' "$1"; }
call() { # METHOD PATH [curl's options]
  method=$1 path=$2; shift 2
  curl -sS --fail-with-body --max-time 70 -X "$method" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@" "$api$path"
}
text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" | head -n 1; }
poll() { call GET /events --get --data-urlencode "cursor=$cursor" "$@"; }
say() { call POST "/rooms/$room/messages" -d "{\"clientId\": \"$1\", \"type\": 1, \"body\": {\"content\": \"$1\"}}" -o "$work/sent"; }
wait_for() { # TEXT FILE: what curl writes in the background
  tries=0
  until grep -q "$1" "$2" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "Nothing with $1 came within 10 s." >&2; exit 1; }
    sleep 0.1
  done
}
end_background() { kill "$background" 2>/dev/null || true; wait "$background" 2>/dev/null || true; background=; }

step "An account and a room"
name=walk-$(date +%s)-$$
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
token=$(curl -sS --fail-with-body "$api/accounts" -H 'Content-Type: application/json' \
  -d "{\"name\": \"$name\", \"password\": \"$password\"}" | tee "$work/account" | text token)
[ -n "$token" ] || { echo "No account was made. $(cat "$work/account")" >&2; exit 1; }
room=$(call POST /rooms -d '{"name": "A walk"}' | number id)
echo "$name is in room $room. The token goes into a header, as addresses end up in logs."

step "1. Short poll: GET /events"
cursor=$(call GET /events | text cursor)
echo "Without a cursor it says where now is: $cursor"
say one
reply=$(poll)
echo "With it comes what happened since, at once:"
echo "$reply"
cursor=$(echo "$reply" | text cursor)

step "2. Long poll: GET /events?wait=30"
poll -d wait=30 > "$work/poll" & background=$!
sleep 1
echo "After a second it still hangs; it says $(wc -c < "$work/poll" | tr -d ' ') bytes. Now somebody writes:"
say two
wait "$background"; background=
cat "$work/poll"; echo
cursor=$(text cursor < "$work/poll")

step "3. Event stream: GET /events/stream"
curl -sSN -H "Authorization: Bearer $token" --get --data-urlencode "cursor=$cursor" "$api/events/stream" > "$work/sse" & background=$!
wait_for '"live":true' "$work/sse"
say three
wait_for '"content":"three"' "$work/sse"
end_background
cat "$work/sse"
# The newest id: is a cursor. Where a transport gives none, one adds what one saw: the stream's name, and the seq of its newest event.
seq=$(grep '"content":"three"' "$work/sse" | number seq)
old=$cursor
cursor="$cursor,room:$room@$seq"
echo "The cursor was  $old"
echo "and is now      $cursor"

step "4. WebSocket: GET /ws"
# curl only shakes hands and prints what comes: most versions of it cannot send frames. A client also sends HEARTBEAT, or the server hangs
# up after 30 s; and it asks for /ws?resume=1 and sends {"type":101,"data":{"cursor":"…"}}, to go on from its cursor.
curl -sSN --http1.1 -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
  -H "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)" -H "Sec-WebSocket-Protocol: parley, $token" "$url/ws" > "$work/ws" & background=$!
wait_for '"type":103' "$work/ws"
say four
wait_for '"content":"four"' "$work/ws"
end_background
# Each frame begins with the byte 0x81 and its length, in one byte or three; the rest is text.
tr '\201' '\n' < "$work/ws" | tr -d '\r' | sed -n -e '/^[HUCS][A-Za-z]*[-\/:]/p' -e 's/^.\{0,3\}{"type"/{"type"/p' | sed 's/pl_[A-Za-z0-9_-]*/pl_…/'
echo

step "Back to the short poll, with the cursor of the event stream"
reply=$(poll)
echo "$reply"
echo "It has what only the WebSocket had shown, and nothing of before: on every transport the cursor means the same."
cursor=$(echo "$reply" | text cursor)
echo "And from there: $(poll)"
