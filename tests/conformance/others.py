#!/usr/bin/env python3
"""Holds the compiler against checkouts of other repositories.

    tests/conformance/others.py HEDDLE FOLDER_OF_CHECKOUTS [--list] [NAME...]

For each checkout (or those whose names hold a NAME): how many programs that instantiate `V1Switch` compile, how many STF
scripts with a program of their name beside them (or elsewhere in the checkout) hold, and whether anything crashed or took
longer than ten seconds. Include directories are the folder of the program and every folder of the checkout that is named
like one. With --list every failure by name.
"""

import collections
import concurrent.futures
import os
import re
import subprocess
import sys

SECONDS = 10
INCLUDE_NAMES = {"include", "includes", "p4include", "p4-include"}
# Programs that their authors expect to be refused, and p4c's own samples, which run.py measures.
LEFT_OUT = re.compile(r"/(bad|illtyped|p4_14[^/]*|p4_16_samples|p4_16_errors(_outputs)?|\.git)/")


def run(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except subprocess.TimeoutExpired:
        return "timeout", ""
    crashed = done.returncode < 0 or done.returncode == 101 or "panicked at" in done.stderr
    return ("crash" if crashed else done.returncode), done.stderr


def walk(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f != ".git")
        yield folder, sorted(files)


def found(root):
    """Programs, scripts with their programs, and include directories."""
    programs, scripts, includes, by_name = [], [], [], collections.defaultdict(list)
    for folder, files in walk(root):
        if os.path.basename(folder) in INCLUDE_NAMES:
            includes.append(folder)
        if LEFT_OUT.search(folder + "/"):
            continue
        for file in files:
            path = os.path.join(folder, file)
            if not os.path.isfile(path):
                continue
            if file.endswith(".p4"):
                text = open(path, errors="replace").read()
                if re.search(r"\bV1Switch\b", text) and re.search(r"\bmain\b", text):
                    programs.append(path)
                    by_name[file[:-3]].append(path)
            elif file.endswith(".stf"):
                scripts.append(path)
    pairs = []
    for script in scripts:
        beside = script[:-4] + ".p4"
        candidates = [beside] if beside in programs else by_name[os.path.basename(script)[:-4]]
        if candidates:
            pairs.append((candidates[0], script))
    return programs, pairs, includes


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    if len(words) < 2:
        sys.exit(__doc__)
    heddle, root, names = os.path.abspath(words[0]), os.path.abspath(words[1]), words[2:]
    checkouts = sorted(d for d in os.listdir(root) if os.path.isdir(os.path.join(root, d)))
    crashes = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for checkout in checkouts:
            if names and not any(name in checkout for name in names):
                continue
            programs, pairs, includes = found(os.path.join(root, checkout))
            if not programs:
                continue
            flags = [word for folder in includes for word in ("-I", folder)]
            checked = list(pool.map(lambda p: run(heddle, "check", *flags, p), programs))
            held = list(pool.map(lambda p: run(heddle, "stf", *flags, *p), pairs))
            crashes += sum(status in ("crash", "timeout") for status, _ in checked + held)
            good, right = sum(s == 0 for s, _ in checked), sum(s == 0 for s, _ in held)
            print(f"{checkout:<50} {good:>5} of {len(programs):<5} scripts {right:>4} of {len(pairs)}", flush=True)
            if "--list" in sys.argv:
                for path, (status, stderr) in zip(programs + [script for _, script in pairs], checked + held):
                    if status != 0:
                        why = re.search(r"error.*\n.*|differs.*|.*line \d+.*", stderr)
                        shown = why.group(0).replace("\n", " ") if why else stderr.strip()[:160]
                        print(f"    {os.path.relpath(path, root)}: {status}: {shown[:200]}")
    print(f"crashes and time-outs: {crashes}")


main()
