#!/bin/bash
# Sourced by both variants: the credentials, from the environment or from files, and no bad ones.
# USER and PASS are the service's; the administrator's password is made once and never leaves.
set -euo pipefail
data=${CACHE_DATA:-/data/db}
refuse() {
    echo "cache: $1" >&2
    echo "  $2" >&2
    exit 3
}

[ -n "${PASS_FILE:-}" ] && { PASS=$(cat "$PASS_FILE" 2>/dev/null) || refuse \
    "The password file $PASS_FILE cannot be read." "Give this container's user ($(id -u)) the right to read it."; }
USER=${USER:-} PASS=${PASS:-}
[ -n "$USER" ] || refuse "There is no user." "Start it with -e USER=NAME."
[ -n "$PASS" ] || refuse "There is no password." "Start it with -e PASS=... or -e PASS_FILE=FILE."
case "${PASS,,}" in
"${USER,,}" | pass | password | passw0rd | password1 | admin | root | mongo | mongodb | secret | changeme | \
    change-me | change_me | test | guest | facia | facegate | letmein | qwerty | 1234 | 12345 | 123456 | 12345678)
    refuse "The password is a known default." "Choose another one." ;;
esac
[ ${#PASS} -ge 8 ] || refuse "The password is shorter than eight characters." "Choose a longer one."
[ "$USER" != facegate-admin ] || refuse "The user facegate-admin is the administrator's." "Choose another name."
export USER PASS ADMIN=facegate-admin

mkdir -p "$data" 2>/dev/null && touch "$data/.writable" 2>/dev/null && rm "$data/.writable" || refuse \
    "The data folder $data cannot be written to." "Mount a volume there that user $(id -u) may write to, with free space."
umask 077
[ -s "$data/.admin" ] || head -c 33 /dev/urandom | base64 -w0 | tr '+/' '-_' >"$data/.admin"
