#!/bin/sh
# Fill wheels/ with the locked wheels that the images are made of, so that a build needs no index.
# wheels.sh [PYTHON]: any Python with pip; the wheels are for Python 3.11 in the image.
set -eu
cd "$(dirname "$0")/.."
fetch() { # LOCK FOLDER
    "${1}" -m pip --disable-pip-version-check -q download --no-deps --require-hashes \
        --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 --abi abi3 \
        --abi none --platform manylinux_2_36_x86_64 --platform manylinux_2_34_x86_64 \
        --platform manylinux_2_31_x86_64 --platform manylinux_2_28_x86_64 \
        --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 --platform manylinux_2_12_x86_64 \
        --platform manylinux2010_x86_64 --platform manylinux_2_5_x86_64 \
        --platform manylinux1_x86_64 --platform any -d "$3" -r "$2"
}
python=${1:-python3}
fetch "$python" requirements.lock wheels/service
[ ! -f cache/standin.lock ] || fetch "$python" cache/standin.lock wheels/standin
