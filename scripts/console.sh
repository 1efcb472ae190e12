#!/bin/sh
# Checks the console's sources: types, lint, formatting. `sh scripts/console.sh format` mends what can be mended.
set -eu
cd "$(dirname "$0")/../console"
if ! command -v npm >/dev/null; then
    echo "The console's sources are not checked: npm is missing."
    exit 0
fi
if ! [ node_modules/.package-lock.json -nt package-lock.json ] && ! npm ci --no-progress >/dev/null 2>&1; then
    echo "The console's sources are not checked: npm could not install what checks them."
    exit 0
fi
npm run --silent "${1:-check}"
