#!/usr/bin/env bash
# Installs the JavaScript clients that tests/test_clients.py runs, where that is possible; says what is missing, and never fails.
# (SPARQLWrapper and rdflib come with the project, Oxigraph's server with the development dependencies.)
set -u
cache="${KG_TEST_CLIENTS:-$HOME/.cache/plan-de-gobierno/clients}"
wanted="$(cd "$(dirname "$0")" && pwd)/clients/package.json"

# package.json comes last, so that what is half installed is installed again
comunica() {
    cmp -s "$wanted" "$cache/package.json" && [ -d "$cache/node_modules/@comunica/query-sparql" ] && return 0
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    rm -rf "$cache/part" "$cache/package.json"
    mkdir -p "$cache/part" 2>/dev/null && cp "$wanted" "$cache/part/" || return 1
    (cd "$cache/part" && timeout 600 npm install --no-audit --no-fund --ignore-scripts --omit=dev >/dev/null 2>&1) || return 1
    rm -rf "$cache/node_modules"
    mv "$cache/part/node_modules" "$cache/" && mv "$cache/part/package.json" "$cache/" && rm -rf "$cache/part"
}

comunica || echo "install_clients: Comunica could not be installed (Node.js 20 or later, npm and its registry are needed); its tests are skipped"
exit 0
