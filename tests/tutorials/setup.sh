#!/usr/bin/env bash
# Makes what the tutorials need beside Heddle: Debian's Mininet, and a Python environment in the folder given.
set -euo pipefail
folder=$1
need=()
for pair in mn:mininet iperf:iperf sudo:sudo make:make route:net-tools; do
    command -v "${pair%%:*}" >/dev/null || need+=("${pair##*:}")
done
[ -f /usr/lib/python3/dist-packages/mininet/net.py ] || need+=(mininet)
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || need+=(python3-venv)
if [ ${#need[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${need[@]}" >/dev/null
fi
# Mininet is a package of the system's Python, and only of that.
[ -x "$folder/bin/python3" ] || /usr/bin/python3 -m venv --system-site-packages "$folder"
"$folder/bin/pip" install -q p4runtime-shell==0.0.6 psutil scapy ptf
