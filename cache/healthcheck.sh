#!/bin/bash
# Whether the server listens; what it answers is the service's readiness to judge.
exec 3<>/dev/tcp/127.0.0.1/27017
