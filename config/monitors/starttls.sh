#!/bin/sh
# SMTP with STARTTLS.
#
# For a monitor of type "external": $1 is the address of the member, $2 its port. Prints UP if
# every reply was as it must be; if not, says why on standard error.
#
# Variables, with defaults in brackets:
#   CA        PEM file of the authorities to trust [any certificate will do]
#   NAME      name that the certificate must have, with CA [the address]
#   DOMAIN    name given in EHLO [the host name]
#   TIME      seconds until curl gives up [80]

set -eu

# IPv4 comes as ::ffff:192.0.2.1; in a URL IPv6 stands in brackets.
node=${1#::ffff:}
case $node in *:*) node="[$node]" ;; esac
port=$2
name=${NAME:-$node}

fail() {
    echo "$*" >&2
    exit 1
}

# What curl and the server say is kept, not shown: UP alone may be printed.
set -- --disable --silent --show-error --verbose --max-time "${TIME:-80}"
# No TLS is a failure.
set -- "$@" --ssl-reqd
if [ -n "${CA:-}" ]; then
    set -- "$@" --cacert "$CA"
else
    set -- "$@" --insecure
fi
# Named as the certificate is; connected to the member all the same.
[ "$name" = "$node" ] || set -- "$@" --connect-to "$name:$port:$node:$port"
# Without a message curl wants a command to say.
set -- "$@" --request NOOP
set -- "$@" "smtp://$name:$port/${DOMAIN:-$(uname -n)}"

said=$(curl "$@" 2>&1) && ended=0 || ended=$?
said=$(printf '%s' "$said" | tr -d '\r')
if [ "$ended" -ne 0 ]; then
    error=$(printf '%s\n' "$said" | sed -n 's/^curl: //p' | tail -n 1)
    refusal=$(printf '%s\n' "$said" | sed -n 's/^< \([45]\)/\1/p' | tail -n 1)
    fail "${error:-curl ended with $ended}${refusal:+: $refusal}"
fi
echo UP
