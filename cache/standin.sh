#!/bin/bash
# The variant for places without a MongoDB image: an embedded server that speaks the same protocol.
# For tests and trials: it is beta software under the GPL, and never part of what we ship.
. /cache/settings.sh
exec python3 /cache/standin.py
