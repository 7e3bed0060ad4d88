#!/usr/bin/env bash
# Makes the Python environments of the client tests in the folder given, unless they are there.
set -euo pipefail
folder=$1
make_one() {
    local name=$1
    shift
    [ -e "$folder/$name/ready" ] && return
    python3 -m venv "$folder/$name"
    "$folder/$name/bin/pip" install -q "$@"
    touch "$folder/$name/ready"
}
make_one shell p4runtime-shell==0.0.6 ptf==0.12.0 scapy
make_one finsy finsy==0.30.0 pytest pytest-asyncio
