#!/usr/bin/env python3
"""Holds the compiler against a checkout of p4lang/p4c.

    tests/conformance/run.py HEDDLE P4C_CHECKOUT [--list]

Four measures, printed as a table, with --list every failure by name:
  accept   p4_16_samples, programs for v1model and those without an architecture: have to compile
  stf      those with an .stf beside them: the script has to hold
  p4info   those with a reference in p4_16_samples_outputs: P4Info has to be the same, comments aside
  reject   p4_16_errors: have to be refused, with an error on a line that p4c's own reference output names
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

SECONDS = 20


def sources(folder):
    return sorted(f for f in os.listdir(folder) if f.endswith(".p4"))


def run(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except subprocess.TimeoutExpired:
        return "timeout", "", ""
    status = done.returncode
    crashed = status < 0 or status == 101 or "panicked at" in done.stderr
    return ("crash" if crashed else status), done.stdout, done.stderr


def architecture(path):
    text = open(path, errors="replace").read()
    for name in ("v1model", "psa", "pna", "ebpf_model", "xdp_model", "ubpf_model", "dpdk", "tna", "t2na", "very_simple"):
        if re.search(r'#include\s*[<"][^">]*%s' % name, text):
            return name
    return "none"


def first_error(stderr):
    found = re.search(r"error(\[E\d+\])?: .*", stderr)
    return found.group(0)[:140] if found else stderr.strip()[:140]


def accept(heddle, p4c, name):
    path = f"{p4c}/testdata/p4_16_samples/{name}"
    status, _, stderr = run(heddle, "check", "-I", f"{p4c}/p4include", path)
    return status == 0, status, first_error(stderr)


def stf(heddle, p4c, name):
    path = f"{p4c}/testdata/p4_16_samples/{name}"
    status, _, stderr = run(heddle, "stf", "-I", f"{p4c}/p4include", path, path[:-3] + ".stf")
    return status == 0, status, stderr.strip()[:400]


def lines_of(path):
    text = open(path, errors="replace").read()
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def p4info(heddle, p4c, name):
    path = f"{p4c}/testdata/p4_16_samples/{name}"
    wanted = lines_of(f"{p4c}/testdata/p4_16_samples_outputs/{name}.p4info.txtpb")
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "p4info.txtpb")
        artifact = os.path.join(folder, "artifact")
        status, _, stderr = run(heddle, "compile", "-I", f"{p4c}/p4include", path, "-o", artifact, "--p4info", made)
        if status != 0:
            return False, status, first_error(stderr)
        got = lines_of(made)
    differing = next((f"we say `{a}`, p4c `{b}`" for a, b in zip(got + [""], wanted + [""]) if a != b), "length")
    return got == wanted, status, "" if got == wanted else differing


def reference_lines(p4c, name):
    """Lines of the program that p4c's expected diagnostics name as errors."""
    path = f"{p4c}/testdata/p4_16_errors_outputs/{name}-stderr"
    if not os.path.exists(path):
        return None
    lines, is_error = set(), False
    for line in open(path, errors="replace"):
        found = re.match(re.escape(name) + r"\((\d+)\)(: .*?(error|warning):)?", line)
        if found:
            # Places without a message of their own belong to the message before.
            is_error = found.group(3) == "error" if found.group(3) else is_error
            if is_error:
                lines.add(int(found.group(1)))
    return lines


def reject(heddle, p4c, name):
    path = f"{p4c}/testdata/p4_16_errors/{name}"
    status, stdout, stderr = run(heddle, "check", "--json", "-I", f"{p4c}/p4include", path)
    if status != 1:
        return False, status, "accepted" if status == 0 else stderr.strip()[:140]
    wanted = reference_lines(p4c, name)
    errors = [d for d in json.loads(stdout) if d["severity"] == "error"]
    got = {l["line"] for d in errors for l in d.get("labels", []) if os.path.basename(l.get("file", "")) == name}
    if not wanted or wanted & got:
        return True, status, ""
    return False, "line", f"reference names {sorted(wanted)}, we name {sorted(got)}: {errors[0]['message'][:90]}"


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    if len(words) != 2:
        sys.exit(__doc__)
    heddle, p4c = os.path.abspath(words[0]), words[1].rstrip("/")
    samples = sources(f"{p4c}/testdata/p4_16_samples")
    by_architecture = {n: architecture(f"{p4c}/testdata/p4_16_samples/{n}") for n in samples}
    ours = [n for n in samples if by_architecture[n] == "v1model"]
    bare = [n for n in samples if by_architecture[n] == "none"]
    scripts = [n for n in ours if os.path.exists(f"{p4c}/testdata/p4_16_samples/{n[:-3]}.stf")]
    references = f"{p4c}/testdata/p4_16_samples_outputs"
    informed = [n for n in ours if os.path.exists(f"{references}/{n}.p4info.txtpb")]
    # Of programs without `main` there is nothing to say.
    informed = [n for n in informed if lines_of(f"{references}/{n}.p4info.txtpb")]
    errors = sources(f"{p4c}/testdata/p4_16_errors")
    measures = [("accept, v1model", accept, ours), ("accept, no architecture", accept, bare),
                ("stf", stf, scripts), ("p4info", p4info, informed), ("reject", reject, errors)]
    crashes = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for title, measure, names in measures:
            results = list(pool.map(lambda n: measure(heddle, p4c, n), names))
            good = sum(ok for ok, _, _ in results)
            crashes += sum(status in ("crash", "timeout") for _, status, _ in results)
            print(f"{title:<26} {good:>4} of {len(names)}")
            if "--list" in sys.argv:
                for name, (ok, status, why) in zip(names, results):
                    if not ok:
                        print(f"    {name}: {status}: {why}")
    print(f"{'crashes and time-outs':<26} {crashes:>4}")


main()
