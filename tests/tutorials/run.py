#!/usr/bin/env python3
"""Runs the thirteen exercises of a checkout of p4lang/tutorials as their READMEs say, with Heddle for BMv2 and p4c.

    tests/tutorials/run.py HEDDLE TUTORIALS_CHECKOUT [--python PYTHON] [--keep] [EXERCISE...]

Their solutions, Makefiles, topologies, controllers and scripts are used as they are, in a copy: `make run` finds
`p4c-bm2-ss` and `simple_switch_grpc` in the folder that `heddle install-shims` filled. The switches, and so their ports,
are in a network namespace of the run's own. Needs root, Mininet, sudo, make, iperf, net-tools, and a PYTHON that has
Mininet, scapy, psutil, grpcio, p4runtime and p4runtime-shell (tests/tutorials/setup.sh makes one).

Prints a line per exercise; exits with 1 if one does not do what its README promises.
"""

import argparse
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROMPT = "mininet> "
# Generous: it only bounds how long a failure takes to be noticed.
PATIENCE_S = 120


class Failed(Exception):
    """What a README promises did not happen."""


def expect(condition, what, seen=""):
    if not condition:
        raise Failed(f"{what}\n{seen[-3000:]}")


class Mininet:
    """A `make run` and its prompt."""

    def __init__(self, exercise, environment, namespace):
        self.folder, self.namespace, self.environment = exercise, namespace, environment
        self.master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "make", "run"],
            cwd=exercise, env=environment, stdin=terminal, stdout=terminal, stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.started = self.read()

    def read(self, until=PROMPT):
        """What is printed up to the prompt."""
        text, end = "", time.monotonic() + PATIENCE_S
        while not text.endswith(until):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            try:
                chunk = os.read(self.master, 65536) if ready else b""
            except OSError:
                chunk = b""
            if not chunk:
                raise Failed(f"no {until!r}; this was printed:\n{text[-3000:]}")
            text += chunk.decode(errors="replace").replace("\r", "")
        return text[: -len(until)]

    def type(self, line):
        """What a command prints."""
        os.write(self.master, (line + "\n").encode())
        printed = self.read()
        # The terminal echoes what is typed.
        return printed.split("\n", 1)[1] if "\n" in printed else printed

    def background(self, host, command, output):
        """Starts a command on a host, its output into a file of the exercise."""
        self.type(f"{host} {command} > {output} 2>&1 &")

    def output(self, name):
        with open(os.path.join(self.folder, name), errors="replace") as file:
            return file.read()

    def wait_for(self, name, pattern, count=1, what=None):
        """Until a file of the exercise holds a pattern so often."""
        end = time.monotonic() + PATIENCE_S
        while True:
            text = self.output(name) if os.path.exists(os.path.join(self.folder, name)) else ""
            found = re.findall(pattern, text)
            if len(found) >= count:
                return found
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failed(f"{what or pattern!r}: {len(found)} of {count} found\n{text[-3000:]}")
            time.sleep(0.2)

    def controller(self, *words):
        """Starts a controller beside the switches."""
        output = open(os.path.join(self.folder, "controller.out"), "w")
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *words],
            cwd=self.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
        )

    def gone_within(self, seconds):
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def close(self):
        try:
            os.write(self.master, b"exit\n")
            # A terminal that nobody reads holds up whoever closes it.
            end = time.monotonic() + PATIENCE_S
            while self.process.poll() is None and time.monotonic() < end:
                if select.select([self.master], [], [], 0.1)[0]:
                    os.read(self.master, 65536)
        except OSError:
            pass
        if self.process.poll() is None and not self.gone_within(5):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


def ping(net, a, b, count=3):
    seen = net.type(f"{a} ping -c {count} -W 2 {b}")
    received = re.search(r"(\d+) received", seen)
    return int(received.group(1)) if received else 0, seen


def pings(net, *pairs):
    for a, b in pairs:
        received, seen = ping(net, a, b)
        expect(received > 0, f"{a} does not reach {b}", seen)


def listen(net, host, script="./receive.py", output=None):
    output = output or f"{host}.out"
    net.background(host, f"python3 -u {script}", output)
    net.wait_for(output, "sniffing on")
    # The socket is opened after the line is printed; nothing tells when.
    time.sleep(1)


def basic(net):
    seen = net.type("pingall")
    expect(" 0% dropped" in seen, "pingall loses packets", seen)


def basic_tunnel(net):
    listen(net, "h2")
    net.type('h1 ./send.py 10.0.2.2 "P4 is cool"')
    net.wait_for("h2.out", "P4 is cool", 1)
    net.type('h1 ./send.py 10.0.2.2 "P4 is cool" --dst_id 2')
    net.wait_for("h2.out", "MyTunnel", 1, "the tunnel's header at h2")
    net.type('h1 ./send.py 10.0.3.3 "P4 for h3" --dst_id 2')
    net.wait_for("h2.out", "P4 for h3", 1, "a packet for h3 in the tunnel to h2")


def end(controller):
    """Ctrl-C; threads of gRPC's keep a controller that is shutting down now and then."""
    controller.send_signal(signal.SIGINT)
    try:
        controller.wait(10)
    except subprocess.TimeoutExpired:
        controller.kill()
        controller.wait()


def p4runtime(net):
    controller = net.controller("python3", "-u", "./mycontroller.py")
    try:
        net.wait_for("controller.out", "Reading tunnel counters")
        pings(net, ("h1", "h2"))
        for line in [r"s1 MyIngress.ingressTunnelCounter 100: [1-9]\d* packets", r"s2 MyIngress.egressTunnelCounter 100: [1-9]",
                     r"s2 MyIngress.ingressTunnelCounter 200: [1-9]", r"s1 MyIngress.egressTunnelCounter 200: [1-9]"]:
            net.wait_for("controller.out", line)
        seen = net.output("controller.out")
        expect("MyIngress.ipv4_lpm" in seen and "MyIngress.myTunnel_exact" in seen, "the rules are not read back", seen)
    finally:
        end(controller)


def flowcache(net):
    controller = net.controller("python3", "-u", "./mycontroller.py")
    try:
        net.wait_for("controller.out", "Installed P4 Program", 3)
        pings(net, ("h1", "h2"), ("h1", "h3"), ("h2", "h3"))
        net.wait_for("controller.out", "decodePacketInMetadata", 1, "a packet-in")
        net.wait_for("controller.out", "Deleted flow_cache entry", 1, "an entry deleted on an idle time-out")
        # And once the entries are gone, they come again.
        pings(net, ("h1", "h2"))
    finally:
        end(controller)


def congested(net, seconds=20):
    """A flow of 1 Mbit/s, which is twice what the link between s1 and s2 takes."""
    net.background("h22", "iperf -s -u", "iperf.out")
    net.background("h11", f"iperf -c 10.0.2.22 -t {seconds} -u", "client.out")


def ecn(net):
    listen(net, "h2")
    congested(net)
    net.type('h1 ./send.py 10.0.2.2 "P4 is cool" 25')
    marks = net.wait_for("h2.out", r"tos *= (0x[0-9a-f]+)", 5)
    expect("0x3" in marks, "no packet is marked under congestion", " ".join(marks))
    expect("0x1" in marks, "every packet is marked, though the congestion comes and goes", " ".join(marks))


def mri(net):
    listen(net, "h2")
    congested(net)
    net.type('h1 ./send.py 10.0.2.2 "P4 is cool" 25')
    depths = [int(d) for d in net.wait_for("h2.out", r"qdepth *= (\d+)", 10)]
    switches = set(net.wait_for("h2.out", r"swid *= (\d+)", 10))
    expect(switches == {"1", "2"}, "the path is not s1, s2", str(switches))
    expect(max(depths) >= 10, "no queue is seen to fill", str(depths))
    expect(min(depths) == 0, "no queue is seen empty", str(depths))


def qos(net):
    listen(net, "h2")
    net.type('h1 ./send.py --p=UDP --des=10.0.2.2 --m="P4 is cool" --dur=3')
    net.wait_for("h2.out", r"tos *= 0xb9", 3, "UDP as expedited forwarding")
    net.type('h1 ./send.py --p=TCP --des=10.0.2.2 --m="P4 is cool" --dur=3')
    net.wait_for("h2.out", r"tos *= 0xb1", 3, "TCP as voice admit")


def source_routing(net):
    listen(net, "h2")
    net.type("h1 sh -c 'printf \"2 3 2 2 1\\nq\\n\" | ./send.py 10.0.2.2'")
    net.wait_for("h2.out", r"ttl *= 59", 1, "a TTL of 59 after five hops")


def calc(net):
    seen = net.type("h1 sh -c 'printf \"1+1\\n7-9\\n12&10\\n12|3\\n5^6\\nquit\\n\" | python3 calc.py'")
    for result in ["2", str(2**32 - 2), "8", "15", "3"]:
        expect(re.search(rf"^{result}$", seen, re.MULTILINE), f"no {result}", seen)


def load_balance(net):
    for host in ("h2", "h3"):
        listen(net, host)
    for _ in range(16):
        net.type('h1 ./send.py 10.0.0.1 "P4 is cool"')
    for host in ("h2", "h3"):
        net.wait_for(f"{host}.out", "P4 is cool", 1, f"some of the messages at {host}")
    total = sum(net.output(f"{host}.out").count("got a packet") for host in ("h2", "h3"))
    expect(total == 16, f"{total} of 16 messages arrive")


def multicast(net):
    # The solution has h4 in the group as well, which the exercise adds last.
    pings(net, ("h1", "h2"), ("h1", "h3"), ("h2", "h3"), ("h1", "h4"), ("h4", "h2"))


def firewall(net):
    seen = net.type("pingall")
    expect(" 0% dropped" in seen, "pingall loses packets", seen)
    net.background("h3", "iperf -s", "h3.out")
    net.background("h1", "iperf -s", "h1.out")
    net.wait_for("h3.out", "listening")
    net.wait_for("h1.out", "listening")
    inside = net.type("h1 iperf -c 10.0.3.3 -t 2")
    expect(re.search(r"[1-9][\d.]* [KMG]?bits/sec", inside), "h1 cannot connect to h3 outside", inside)
    net.background("h3", "timeout 5 iperf -c 10.0.1.1 -t 2", "blocked.out")
    time.sleep(6)
    blocked = net.output("blocked.out")
    expect("bits/sec" not in blocked, "h3 connects to h1 inside", blocked)


def link_monitor(net):
    net.background("h1", "python3 -u ./receive.py", "receive.out")
    net.wait_for("receive.out", "sniffing on")
    net.background("h1", "python3 -u ./send.py", "send.out")
    net.background("h4", "iperf -s", "h4.out")
    net.wait_for("h4.out", "listening")
    net.wait_for("receive.out", r"Switch \d", 10, "probes that come back")
    report = net.type("h1 iperf -c 10.0.4.4 -t 8 -f m")
    measured = float(re.search(r"([\d.]+) Mbits/sec", report).group(1))
    seen = net.output("receive.out")
    busiest = max(float(rate) for rate in re.findall(r"Port \d+: ([\d.]+) Mbps", seen))
    expect(0.5 * measured < busiest < 2 * measured, f"iperf says {measured} Mbit/s, the busiest link {busiest}", seen)


# By name: what the README promises, and the sources that take the starter's place.
EXERCISES = {
    "basic": basic, "basic_tunnel": basic_tunnel, "p4runtime": p4runtime, "flowcache": flowcache, "ecn": ecn, "mri": mri,
    "qos": qos, "source_routing": source_routing, "calc": calc, "load_balance": load_balance, "multicast": multicast,
    "firewall": firewall, "link_monitor": link_monitor,
}


def ptf(exercise, environment, namespace):
    """`make test`: an exercise's own PTF tests. In a process namespace, since its script ends switches by name; and with
    sudo looking for programs where we do, as it would find a switch that is installed in /usr/local/bin."""
    sudoers = os.path.join(environment["HOME"], "sudoers")
    with open(sudoers, "w") as file:
        file.write(f'Defaults secure_path="{environment["PATH"]}"\nroot ALL=(ALL:ALL) NOPASSWD: ALL\n')
    os.chmod(sudoers, 0o440)
    script = f"mount --bind {sudoers} /etc/sudoers && exec make test"
    words = ["ip", "netns", "exec", namespace, "unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script]
    process = subprocess.Popen(words, cwd=exercise, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        seen, _ = process.communicate(timeout=2 * PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        seen, _ = process.communicate()
    expect(re.search(r"^OK$|ATTENTION.*0 failed", seen, re.MULTILINE), "the PTF tests do not pass", seen)


def copy(checkout, name, folder):
    """A copy of the utilities and of one exercise, its solution in the starter's place."""
    for shared in ("utils", "bin"):
        shutil.copytree(os.path.join(checkout, shared), os.path.join(folder, shared))
    exercise = os.path.join(folder, "exercises", name)
    shutil.copytree(os.path.join(checkout, "exercises", name), exercise)
    solution = os.path.join(exercise, "solution")
    for file in os.listdir(solution):
        if file.endswith((".p4", ".py")):
            shutil.copy(os.path.join(solution, file), exercise)
        elif file.endswith(".json") and name == "multicast":
            shutil.copy(os.path.join(solution, file), os.path.join(exercise, "sig-topo"))
    return exercise


def run(name, options, shims):
    folder = tempfile.mkdtemp(prefix=f"heddle-tutorial-{name}-")
    namespace = f"heddle-t{os.getpid()}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    subprocess.run(["ip", "-n", namespace, "link", "set", "lo", "up"], check=True)
    path = os.pathsep.join([os.path.dirname(options.python), shims, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                            "/usr/bin", "/sbin", "/bin"])
    environment = {"PATH": path, "HOME": folder, "TERM": "dumb", "PYTHONUNBUFFERED": "1",
                   "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python", "LANG": "C.UTF-8"}
    net = None
    try:
        exercise = copy(options.tutorials, name, folder)
        if os.path.isdir(os.path.join(exercise, "ptf")):
            ptf(exercise, environment, namespace)
        net = Mininet(exercise, environment, namespace)
        expect("did not start correctly" not in net.started, "a switch did not start", net.started)
        for trouble in ("ERROR!", "Traceback", "gRPC Error"):
            expect(trouble not in net.started, f"{trouble} while starting", net.started)
        EXERCISES[name](net)
        return None
    except Failed as failure:
        logs = []
        if net is not None and options.keep:
            logs.append(f"(kept in {folder})")
        return "\n".join([str(failure), *logs])
    finally:
        if net is not None:
            net.close()
        # Whatever is left in the namespace was started by this run.
        left = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True).stdout.split()
        for process in left:
            try:
                os.kill(int(process), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", namespace], check=False)
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heddle")
    parser.add_argument("tutorials")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("exercises", nargs="*")
    options = parser.parse_intermixed_args()
    options.python = os.path.abspath(options.python)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="heddle-shims-") as shims:
        install = [os.path.abspath(options.heddle), "install-shims", shims]
        # What the exercises wrap a program in comes with the build of BMv2, and with no package.
        if subprocess.run([options.python, "-c", "import p4.tmp.p4config_pb2"], capture_output=True).returncode != 0:
            where = "import os, p4; print(os.path.dirname(os.path.dirname(p4.__file__)))"
            packages = subprocess.run([options.python, "-c", where], check=True, capture_output=True, text=True)
            install += ["--python", packages.stdout.strip()]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        for name in options.exercises or EXERCISES:
            started = time.monotonic()
            failure = run(name, options, shims)
            print(f"{name}: {'ok' if failure is None else 'FAILED'} ({time.monotonic() - started:.0f} s)", flush=True)
            if failure is not None:
                failed += 1
                print("    " + failure.replace("\n", "\n    "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
