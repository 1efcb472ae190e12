#!/bin/sh
# Fetches Debian's package of Prometheus and unpacks it into .venv/prometheus, for tests/test_prometheus.py. Nothing is
# installed into the system and no service is started. Where it cannot be had, one line says why, and the tests skip.
set -eu
cd "$(dirname "$0")/.."
folder=.venv/prometheus
[ -x "$folder/usr/bin/promtool" ] && exit 0

give_up() {
    echo "Prometheus is not tested against: $1"
    exit 0
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "this is no Debian"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
fetch() { (cd "$fresh" && apt-get --quiet=2 -o APT::Sandbox::User=root download prometheus) >/dev/null 2>&1; }
fetch || { apt-get --quiet=2 update >/dev/null 2>&1 && fetch; } || give_up "apt-get cannot download the package"
dpkg-deb --extract "$fresh"/prometheus_*.deb "$fresh/unpacked"
rm -rf "$folder"
mv "$fresh/unpacked" "$folder"
