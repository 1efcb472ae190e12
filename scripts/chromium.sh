#!/bin/sh
# Installs Debian's Chromium for tests/test_console.py, where one may: as root, with apt. Elsewhere one line says why not, and
# those tests skip.
set -eu
command -v chromium >/dev/null && exit 0

give_up() {
    echo "The console is not tested in a browser: there is no chromium, and $1"
    exit 0
}

command -v apt-get >/dev/null || give_up "this is no Debian"
[ "$(id -u)" = 0 ] || give_up "only root may install it: apt-get install chromium"
install() { DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 install --yes --no-install-recommends chromium >/dev/null 2>&1; }
install || { apt-get --quiet=2 update >/dev/null 2>&1 && install; } || give_up "apt-get cannot install it"
