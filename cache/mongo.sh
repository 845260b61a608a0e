#!/bin/bash
# The variant on MongoDB's official image: mongod with authentication, then our schema and users.
# The schema is applied at every start, so a newer image upgrades the volume of an older one.
. /cache/settings.sh
echo "cache: MongoDB, $(mongod --version | head -1)" >&2
admin=$(cat "$data/.admin")
server() { mongod --dbpath "$data" --bind_ip "$1" --quiet "${@:2}"; }

if [ ! -e "$data/.administered" ]; then
    # Before there is a user, nobody but this container may connect.
    server 127.0.0.1 &
    CACHE_PASS=$admin mongosh --quiet --norc mongodb://127.0.0.1/admin --retryWrites=false \
        --file /cache/administrator.js --serverSelectionTimeoutMS 60000 >/dev/null
    kill -TERM $! && wait $! || true
    touch "$data/.administered"
fi
server "*" --auth "$@" &
pid=$!
trap 'kill -TERM $pid' TERM INT
CACHE_PASS=$admin mongosh --quiet --norc "mongodb://127.0.0.1/admin" --file /cache/schema.js >/dev/null || {
    kill -TERM $pid
    refuse "The schema could not be applied." "See the lines above."
}
echo "cache: ready" >&2
wait $pid || wait $pid
