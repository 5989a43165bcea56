#!/bin/sh
# musicond by hand: BROKER=localhost NODE=living-room-3f2a musicond.sh watch|mood|songs|changes|pause|resume|private|like|other
# Where the broker asks for a user: BROKER_USER and BROKER_PASSWORD.
set -eu
broker=${BROKER:-localhost}
base=${BASE:-musicond}/${NODE:-+}
run() { program=$1; shift; exec "$program" -h "$broker" ${BROKER_USER:+-u "$BROKER_USER" -P "$BROKER_PASSWORD"} "$@"; }
listen() { run mosquitto_sub "$@"; }
tell() {
  case $base in *+*) echo "set NODE to the device that is meant" >&2; exit 2 ;; esac
  run mosquitto_pub -q 1 "$@"
}
case ${1:-watch} in
  watch) listen -v -t "$base/#" ;;                                  # all that is said
  mood) listen -C 1 -t "$base/mood" ;;                              # the mood now
  songs) listen -C 1 -t "$base/recommendation" ;;                   # the songs now
  changes) listen -t "$base/event" ;;                               # every change of mood, as JSON
  pause) tell -t "$base/pause/set" -m "${2:-60}" ;;                 # minutes, on, or tomorrow
  resume) tell -t "$base/pause/set" -m off ;;
  private) tell -t "$base/privacy/set" -m "${2:-on}" ;;             # on closes the camera
  like) tell -t "$base/like/set" -m PRESS ;;                        # the first song shown
  other) tell -t "$base/other_songs/set" -m PRESS ;;                # other songs for this mood
  *) sed -n 2p "$0" >&2; exit 2 ;;
esac
