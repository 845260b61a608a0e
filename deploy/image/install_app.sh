#!/bin/sh
# Our own package into /opt/facegate/app: a layer of its own, the only one that most releases change.
# install_app.sh VERSION
set -eu
home=/out-app/opt/facegate
PYTHONPATH=/setuptools /installer/bin/pip --disable-pip-version-check -q \
    --python /opt/facegate/venv/bin/python install --no-index --no-deps --no-build-isolation \
    --no-compile --target $home/app /source
rm -f $home/app/*.dist-info/direct_url.json
/opt/facegate/venv/bin/python /image/inventory.py "$1" /var/lib/dpkg/status $home/app $home/about
install -m 755 /image/healthcheck $home/healthcheck
sh /image/freeze.sh /out-app
