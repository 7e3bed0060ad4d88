# Boots systemd in namespaces of its own, over a copy of this machine's files that nothing outlives, with one unit
# in it, and tells what became of it.
#
#   unshare --pid --fork --mount --uts --ipc --cgroup --net --kill-child bash unit.sh HEDDLE HEDDLE.SERVICE PROG.P4 OUT
#
# Without a program systemd alone is booted. OUT is in /dev/shm, which both sides see.
set -e
heddle=$1 unit=$2 program=$3 out=$4
mount --make-rprivate /
top=$(mktemp -d)
mount -t tmpfs tmpfs "$top"
mkdir "$top/up" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/up,workdir=$top/work" "$top/root"
cd "$top/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
ip link set lo up
for n in 1 2; do
    ip link add veth$n type veth peer name host$n
    ip link set veth$n up
    ip link set host$n up
done

touch usr/local/bin/heddle
mount --bind "$heddle" usr/local/bin/heddle
cp "$unit" etc/systemd/system/heddle.service
echo 'HEDDLE_ARGS=-i 1@veth1 -i 2@veth2 --no-pipeline' >etc/default/heddle
units=etc/systemd/system
rm -rf $units/*.wants
cat >$units/told.service <<UNIT
[Service]
Type=oneshot
ExecStart=/bin/bash /told.sh
StandardOutput=file:$out
StandardError=inherit
UNIT
if [ -n "$program" ]; then
    cp "$program" program.p4
    cat >told.sh <<'TOLD'
serving() { for _ in $(seq 100); do heddle port ls >/dev/null 2>&1 && return; sleep 0.1; done; }
systemctl start heddle
serving
echo "started: $(systemctl is-active heddle)"
pid=$(systemctl show -p MainPID --value heddle)
grep -E '^(Uid|CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs)' "/proc/$pid/status"
heddle pipeline load /program.p4
echo "loaded: $(heddle table ls --json | tr -d '\n ')"
kill -9 "$pid"
while [ "$(systemctl show -p MainPID --value heddle)" = "$pid" ]; do sleep 0.1; done
serving
echo "killed: $(heddle table ls --json | tr -d '\n ')"
systemctl stop heddle
echo "stopped: $(systemctl show -p Result --value heddle)"
TOLD
fi
echo 'echo booted; systemctl exit' >>told.sh
exec env container=other chroot . /lib/systemd/systemd --system --unit=told.service --log-target=null --show-status=no
