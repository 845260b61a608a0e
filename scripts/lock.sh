#!/bin/sh
# Lock files hold names, versions and hashes only: no index address goes in.
set -eu
cd "$(dirname "$0")/.."
lock() {
    .venv/bin/pip-compile -q --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
        --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate "$@"
}
lock --extra build -o requirements.lock pyproject.toml
lock --extra dev --extra ensemble --constraint requirements.lock -o requirements-dev.lock pyproject.toml
lock --constraint requirements.lock -o training/requirements.lock training/requirements.in
