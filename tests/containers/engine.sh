#!/usr/bin/env bash
# What the container tests need: a running engine, and a base image named as the official one.
# Installs and starts both where they are missing; needs root on Debian or Ubuntu.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive
BASE_IMAGE=${BASE_IMAGE:-python:3.11-slim-bookworm}
DOCKER=/usr/bin/docker # a client of another origin earlier in PATH may lack BuildKit
state=${FACEGATE_ENGINE_DIR:-/tmp/facegate-engine}

packages() { # COMMAND PACKAGE ...
    local missing=()
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] && return
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

start_engine() {
    mkdir -p "$state"
    setsid nohup dockerd >"$state/dockerd.log" 2>&1 </dev/null &
    echo $! >"$state/dockerd.pid"
    for _ in $(seq 120); do
        $DOCKER version >/dev/null 2>&1 && return
        sleep 0.5
    done
    tail -20 "$state/dockerd.log" >&2
    exit 1
}

make_base_image() { # no registry is asked: the same Debian and Python, made here
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv bookworm - \
        "deb http://deb.debian.org/debian bookworm main" \
        "deb http://deb.debian.org/debian-security bookworm-security main" |
        $DOCKER import - "$BASE_IMAGE" >/dev/null
}

packages dockerd docker.io mmdebstrap mmdebstrap docker-registry docker-registry \
    htpasswd apache2-utils iptables iptables tcpdump tcpdump zstd zstd openssl openssl curl curl cc gcc cc libc6-dev \
    docker-compose docker-compose
$DOCKER version >/dev/null 2>&1 || start_engine
$DOCKER image inspect "$BASE_IMAGE" >/dev/null 2>&1 || make_base_image
