#!/bin/sh
# What a running service never needs, taken out of the base image: package tools, pip, manuals.
# The last stage starts from scratch, so none of it is left in any layer.
set -eu
python=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -rf "$python"/ensurepip "$python"/idlelib "$python"/lib2to3 "$python"/test "$python"/turtledemo \
    "$python"/pydoc_data "$python"/tkinter "$python"/site-packages/pip* \
    "$python"/site-packages/setuptools* "$python"/site-packages/wheel* "$python"/config-3*
rm -f /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/bin/pip*
rm -rf /usr/share/python-wheels /usr/local/include /usr/include /usr/local/lib/libpython*.a
find "$python" -name __pycache__ -prune -exec rm -rf {} +
# Package tools: an image is replaced, not patched. The list of packages stays, for scanners.
rm -rf /usr/lib/apt /usr/bin/apt* /etc/apt /usr/bin/dpkg* /usr/sbin/dpkg* /usr/lib/dpkg \
    /var/lib/dpkg/info /var/lib/apt /var/cache/* /var/log/* /usr/lib/*-linux-gnu/libapt-* \
    /usr/bin/perl* /usr/lib/*-linux-gnu/perl* /usr/share/perl* /usr/lib/*-linux-gnu/gconv \
    /usr/lib/*-linux-gnu/libdb-5* /usr/lib/*-linux-gnu/libgnutls*
rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bash-completion \
    /usr/share/bug
find /usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete
rm -rf /root/.cache /tmp /var/tmp /run/lock /trim.sh /etc/machine-id /var/lib/dbus
# The only user; nothing belongs to another one but root, and nobody becomes root.
echo 'facegate:x:10001:10001:Facegate:/data:/usr/sbin/nologin' >>/etc/passwd
echo 'facegate:x:10001:' >>/etc/group
find / -xdev -perm /6000 ! -type l ! -path '/proc*' ! -path '/dev*' ! -path '/sys*' -exec chmod a-s {} +
find / -xdev -perm -0002 ! -type l ! -path '/proc*' ! -path '/dev*' ! -path '/sys*' -exec chmod o-w {} +
install -d -m 700 -o 10001 -g 10001 /data
# Sticky, and with everybody's right: a tmpfs that is mounted there takes its mode from here.
install -d -m 1777 /tmp
find / -xdev ! -path '/proc*' ! -path '/dev*' ! -path '/sys*' -exec touch -h -d @0 {} + 2>/dev/null || true
