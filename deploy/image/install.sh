#!/bin/sh
# Dependencies into /opt/facegate/venv: exactly the locked files, and the same bytes every time.
set -eu
secrets=/run/secrets
[ -f $secrets/pip.conf ] && export PIP_CONFIG_FILE=$secrets/pip.conf
[ -f $secrets/ca.pem ] && export PIP_CERT=$secrets/ca.pem
ls /wheels/*.whl >/dev/null 2>&1 && export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
pip() { /installer/bin/pip --disable-pip-version-check -q "$@"; }
venv=/opt/facegate/venv
pip --python $venv/bin/python install --no-cache-dir --no-compile --require-hashes \
    --only-binary :all: -r /wheels/requirements.lock
# Needed to build our own package, not to run it.
site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir /setuptools && mv "$site"/setuptools* "$site"/_distutils_hack "$site"/distutils-precedence.pth /setuptools/
# Tests of others, and the headers of libraries that nobody compiles against here.
find "$site" -type d \( -name tests -o -name include \) -path "$site/numpy/*" -prune -exec rm -rf {} +
for part in transformers quantization tools datasets backend; do rm -rf "$site/onnxruntime/$part"; done
rm -f "$site"/onnxruntime/capi/libonnxruntime.so.* # for programs in C; Python's own part holds it all
# Descriptions of some 400 AWS services; these are the ones that an installation can meet.
find "$site"/botocore/data -mindepth 1 -maxdepth 1 -type d | grep -vE \
    '/(s3|sqs|sns|sts|sso|sso-oidc|signin|dynamodb|sagemaker-runtime|lambda|ecr|kms|ssm|secretsmanager|iam|cloudformation|logs|cloudwatch|events|apigateway|sagemaker)$' | xargs rm -rf
# Colours for some 500 languages (an error's page shows Python), hints for editors, a Fortran bridge.
find "$site"/pygments/lexers -name '*.py' ! -name __init__.py ! -name _mapping.py ! -name python.py -delete
find "$site" \( -name '*.pyi' -o -name '*.pxd' \) -delete
rm -rf "$site"/numpy/f2py
rm -f $venv/bin/*.ps1 $venv/bin/activate* $venv/bin/numpy-config $venv/bin/f2py
mkdir -p /out/opt/facegate && mv $venv /out/opt/facegate/venv && ln -s /out/opt/facegate/venv $venv
sh /image/freeze.sh /out
