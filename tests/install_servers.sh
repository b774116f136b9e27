#!/usr/bin/env bash
# Installs the SPARQL servers that tests/servers.py starts, where that is possible; says what is missing, and never fails.
# (Oxigraph's server comes with the development dependencies.)
set -u
cache="${KG_TEST_SERVERS:-$HOME/.cache/plan-de-gobierno}"
fuseki=5.5.0

virtuoso() {
    command -v virtuoso-t >/dev/null && return 0
    command -v apt-get >/dev/null || return 1
    local root=""
    [ "$(id -u)" -eq 0 ] || root="sudo -n"
    $root apt-get update -qq >/dev/null 2>&1
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends virtuoso-opensource-7 >/dev/null 2>&1
    # only the program is wanted, not the service that the package starts
    $root service virtuoso-opensource-7 stop >/dev/null 2>&1 || true
    command -v virtuoso-t >/dev/null
}

fuseki() {
    [ -s "$cache/jena-fuseki-server-$fuseki.jar" ] && return 0
    command -v mvn >/dev/null || return 1
    mkdir -p "$cache" || return 1
    timeout 600 mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        -Dartifact="org.apache.jena:jena-fuseki-server:$fuseki" -DoutputDirectory="$cache" >/dev/null 2>&1
    [ -s "$cache/jena-fuseki-server-$fuseki.jar" ]
}

virtuoso || echo "install_servers: Virtuoso could not be installed (Debian's virtuoso-opensource-7); its tests are skipped"
fuseki || echo "install_servers: Fuseki could not be installed (org.apache.jena:jena-fuseki-server:$fuseki, by mvn); its tests are skipped"
command -v java >/dev/null || echo "install_servers: there is no Java (17 or later) for Fuseki; its tests are skipped"
exit 0
