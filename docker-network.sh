#!/usr/bin/env bash
# Facegate on one host: network, secrets, cache, service. One command, safe to repeat.
#
#   docker-network.sh up|down|status|logs|upgrade|rollback [options]
#
#   up        make what is missing, start it, wait until it is live
#   down      stop and remove the containers; state and secrets stay (--purge removes them, too)
#   status    what runs where
#   logs      what both containers wrote (--follow)
#   upgrade   try the image of --image beside the running one; swap only when it is ready
#   rollback  go back to the image before the last upgrade (--with-state: and to the state then)
set -euo pipefail

image=facegate:latest cache_image=facegate-cache:latest
address=127.0.0.1 port=5001 memory=4g cpus="" wait=120 network=facia-network
cache=mongodb_local_container service=ml_services_container
purge="" follow="" with_state="" licence="" vendor_key="" settings=()
docker=${DOCKER:-docker}

usage() {
    sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"
    cat <<'TEXT'
Options:
  --image IMAGE         service image (facegate:latest)
  --cache-image IMAGE   cache image (facegate-cache:latest)
  --address ADDRESS     where it is published (127.0.0.1)
  --port PORT           ... and on which port (5001)
  --memory LIMIT        memory of the service (4g)
  --cpus NUMBER         cores of the service (all)
  --network NAME        the network's name (facia-network)
  --prefix NAME         put before the names of containers and volumes
  --set NAME=VALUE      a setting of the service, such as FACEGATE_LOG_LEVEL=debug; repeat it
  --licence FILE        a signed licence file that is honoured
  --vendor-key FILE     the vendor's public key, by which licence files are checked
  --wait SECONDS        how long to wait until it is live (120)
TEXT
}

fail() {
    echo "docker-network.sh: $1" >&2
    [ $# -lt 2 ] || echo "  $2" >&2
    exit 1
}

command=${1:-}
[ $# -eq 0 ] || shift
prefix=""
while [ $# -gt 0 ]; do
    option=$1
    case $option in
    --purge) purge=1 && shift && continue ;;
    --follow) follow=1 && shift && continue ;;
    --with-state) with_state=1 && shift && continue ;;
    esac
    [ $# -gt 1 ] || fail "$option is not known, or lacks its value." "$0 help lists the options."
    case $option in
    --image) image=$2 ;; --cache-image) cache_image=$2 ;; --address) address=$2 ;;
    --port) port=$2 ;; --memory) memory=$2 ;; --cpus) cpus=$2 ;; --network) network=$2 ;;
    --prefix) prefix=$2 ;; --set) settings+=(-e "$2") ;; --wait) wait=$2 ;;
    --licence) licence=$(realpath "$2") ;; --vendor-key) vendor_key=$(realpath "$2") ;;
    *) fail "$option is not known." "$0 help lists the options." ;;
    esac
    shift 2
done
cache=$prefix$cache service=$prefix$service
secrets=${prefix}facegate-secrets state=${prefix}facegate-state
cache_state=${prefix}facegate-cache-state before=${prefix}facegate-state-before

hardened=(--init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
    --restart unless-stopped --network "$network" --log-opt max-size=10m --log-opt max-file=3)

has() { [ -n "$($docker ps -aq -f "name=^$1\$")" ]; }
runs() { [ -n "$($docker ps -q -f "name=^$1\$")" ]; }
remove() { ! has "$1" || $docker rm -f "$1" >/dev/null; }
have_image() {
    $docker image inspect "$1" >/dev/null 2>&1 || $docker pull -q "$1" >/dev/null 2>&1 ||
        fail "There is no image $1, and it cannot be pulled." "Build or load it, or log in to its registry."
}
image_of() { $docker inspect -f '{{.Config.Image}}' "$1"; }

# A short-lived root container without network: volumes are filled without root on the host.
helper() { # SCRIPT [docker run options]
    local script=$1
    shift
    $docker run --rm --network none --read-only --cap-drop ALL --cap-add CHOWN --cap-add FOWNER \
        --cap-add DAC_OVERRIDE --user 0:0 "$@" --entrypoint bash "${helper_image:-$image}" -c "$script"
}

make_network() { $docker network inspect "$network" >/dev/null 2>&1 || $docker network create "$network" >/dev/null; }

make_secrets() { # made once, mode 600, each container's copy for its own user alone
    helper 'set -e; umask 077; cd /secrets
        [ -s cache/pass ] && [ -s service/pass ] && exit
        mkdir -p cache service
        head -c 33 /dev/urandom | base64 -w0 | tr "+/" "-_" >cache/pass; cp cache/pass service/pass
        chown -R 999:999 cache; chown -R 10001:10001 service; chmod 755 .' -v "$secrets:/secrets"
}

start_cache() {
    runs "$cache" && return
    remove "$cache"
    $docker run -d --name "$cache" "${hardened[@]}" --network-alias mongodb-local --memory 2g \
        -e USER=facegate -e PASS_FILE=/secrets/cache/pass -v "$secrets:/secrets:ro" \
        -v "$cache_state:/data/db" "$cache_image" >/dev/null
}

run_service() { # NAME IMAGE STATE_VOLUME [docker run options]
    local name=$1 image=$2 volume=$3
    shift 3
    [ -z "$cpus" ] || set -- "$@" --cpus "$cpus"
    [ -z "$vendor_key" ] || set -- "$@" -v "$vendor_key:/vendor.pub:ro" -e FACEGATE_VENDOR_PUBLIC_KEY=/vendor.pub
    [ -z "$licence" ] || set -- "$@" -v "$licence:/licence:ro" -e FACEGATE_LICENCE_FILES=/licence
    $docker run -d --name "$name" "${hardened[@]}" --link "$cache:mongodb-local" --memory "$memory" \
        --stop-timeout 45 -e FACEGATE_STORE=mongo -e MONGODB_USER=facegate \
        -e FACEGATE_MONGODB_PASS_FILE=/secrets/service/pass -v "$secrets:/secrets:ro" \
        -v "$volume:/data" "${settings[@]}" "$@" "$image" >/dev/null
}

publish() { # IMAGE
    local said
    said=$(run_service "$service" "$1" "$state" -p "$address:$port:5001" 2>&1) && return
    remove "$service"
    case $said in
    *"already allocated"* | *"address already in use"*)
        fail "Port $port of $address is taken." "Stop what listens there, or choose another with --port." ;;
    *) fail "The service's container cannot be started." "$said" ;;
    esac
}

answers() { $docker exec "$1" /opt/facegate/healthcheck 2>/dev/null; }

is_live() { # NAME: within $wait seconds, and not one that dies again and again
    local end=$((SECONDS + wait))
    while [ $SECONDS -lt $end ]; do
        answers "$1" && return
        [ "$($docker inspect -f '{{.RestartCount}}' "$1")" -lt 2 ] || return 1
        runs "$1" || return 1
        sleep 0.5
    done
    return 1
}

why_not() { $docker logs --tail 4 "$1" 2>&1 | sed 's/^/  /' >&2; }

up() {
    have_image "$image"
    have_image "$cache_image"
    make_network
    make_secrets
    start_cache
    runs "$service" || { remove "$service" && publish "$image"; }
    is_live "$service" || { why_not "$service"; fail "The service does not become live; above is what it said."; }
    status
}

status() {
    local one
    for one in "$cache" "$service"; do
        has "$one" || { echo "$one: not there" && continue; }
        $docker inspect -f "$one: {{.State.Status}} {{with .State.Health}}({{.Status}}){{end}}, image {{.Config.Image}}" "$one"
    done
    ! runs "$service" || ! answers "$service" || echo "Service is Live. http://$(published)"
    runs "$service" && answers "$service"
}

published() { # on an internal network nothing is: the containers alone reach it
    $docker port "$service" 5001/tcp 2>/dev/null | head -1 | grep . || echo "$service:5001"
}

down() {
    local one
    for one in "$service" "$service-next" "$service-before" "$cache"; do
        ! runs "$one" || $docker stop -t 45 "$one" >/dev/null
        remove "$one"
    done
    ! $docker network inspect "$network" >/dev/null 2>&1 || $docker network rm "$network" >/dev/null ||
        fail "The network $network is in use by others."
    [ -z "$purge" ] || $docker volume rm -f "$secrets" "$state" "$cache_state" "$before" >/dev/null
}

logs() {
    $docker logs ${follow:+-f} "$cache" 2>&1 | sed 's/^/cache    /' &
    $docker logs ${follow:+-f} "$service" 2>&1 | sed 's/^/service  /' &
    wait
}

copy_state() { # FROM TO
    $docker volume rm -f "$2" >/dev/null
    helper 'cp -a /from/. /to/' -v "$1:/from:ro" -v "$2:/to"
}

where() { # keep the place at which it is published now, whatever the options' defaults
    local bound
    bound=$($docker port "$service" 5001/tcp | head -1)
    address=${bound%:*} port=${bound##*:}
    helper_image=$(image_of "$service")
}

upgrade() {
    has "$service" || fail "Nothing is installed yet." "$0 up comes first."
    have_image "$image"
    where
    # On a copy of the state: whatever the new one writes, the running one never sees it.
    copy_state "$state" "$before"
    copy_state "$before" "$before-trial"
    remove "$service-next"
    run_service "$service-next" "$image" "$before-trial" || fail "The image $image cannot be started."
    if ! is_live "$service-next"; then
        why_not "$service-next"
        remove "$service-next"
        $docker volume rm -f "$before-trial" >/dev/null
        fail "The image $image does not become ready; $(image_of "$service") goes on serving."
    fi
    remove "$service-next"
    $docker volume rm -f "$before-trial" >/dev/null
    swap "$image" "$(image_of "$service")"
}

swap() { # IMAGE OLD_IMAGE
    remove "$service-before"
    ! runs "$service" || $docker stop -t 45 "$service" >/dev/null
    $docker rename "$service" "$service-before"
    publish "$1"
    if ! is_live "$service"; then
        why_not "$service"
        remove "$service"
        $docker rename "$service-before" "$service"
        $docker start "$service" >/dev/null
        fail "The image $1 does not become ready; $2 serves again."
    fi
    status
}

rollback() {
    has "$service-before" || fail "There is nothing to go back to."
    where
    local old
    old=$(image_of "$service-before")
    if [ -n "$with_state" ]; then
        $docker stop -t 45 "$service" >/dev/null
        copy_state "$before" "$state-kept"
        helper 'find /to -mindepth 1 -delete; cp -a /from/. /to/' -v "$before:/from:ro" -v "$state:/to"
        $docker volume rm -f "$state-kept" >/dev/null
    fi
    swap "$old" "$(image_of "$service")"
}

$docker version >/dev/null 2>&1 || fail "The Docker engine does not answer." "Start it, and run this as a user who may use it."
case $command in
up | down | status | logs | upgrade | rollback) "$command" ;;
*) usage && [ "$command" = help ] ;;
esac
