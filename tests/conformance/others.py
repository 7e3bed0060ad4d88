#!/usr/bin/env python3
"""Holds the compiler against checkouts of other repositories.

    tests/conformance/others.py HEDDLE FOLDER_OF_CHECKOUTS [--list] [NAME...]

For each checkout (or those whose names hold a NAME): how many programs that instantiate `V1Switch` compile, how many of those
with an STF script of their name beside them (or elsewhere in the checkout) do what it says, and whether anything crashed or took
longer than ten seconds. Include directories are the folders around the program and every folder of the checkout that is
named like one; macros are those that a repository's own build gives. With --list every failure by name.
"""

import collections
import concurrent.futures
import os
import re
import subprocess
import sys

SECONDS = 10
INCLUDE_NAMES = {"include", "includes", "p4include", "p4-include"}
MACROS = {"sonic-net-DASH": ["-DTARGET_BMV2_V1MODEL"]}
# Programs that their authors expect to be refused, and p4c's own samples, which run.py measures.
LEFT_OUT = re.compile(r"/(bad|ill-typed[^/]*|p4_14_samples|p4_14_errors[^/]*|p4_16_samples|p4_16(_[a-z0-9]+)?_errors(_outputs)?|\.git)/")


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
    """Programs, programs with their scripts, and include directories."""
    programs, scripts, includes = [], collections.defaultdict(list), []
    for folder, files in walk(root):
        if os.path.basename(folder) in INCLUDE_NAMES:
            includes.append(folder)
        for path in (os.path.join(folder, file) for file in files):
            if path.endswith(".stf"):
                scripts[os.path.basename(path)[:-4]].append(path)
            elif path.endswith(".p4") and not LEFT_OUT.search(path) and os.path.isfile(path):
                text = open(path, errors="replace").read()
                if re.search(r"\bV1Switch\b", text) and re.search(r"\bmain\b", text):
                    programs.append(path)
    pairs = []
    for program in programs:
        name = os.path.basename(program)[:-3]
        # p4c writes programs after its passes under names of their own.
        for stem in (name, re.sub(r"-(first|frontend|midend)$", "", name)):
            if scripts[stem]:
                pairs.append((program, max(scripts[stem], key=lambda s: len(os.path.commonprefix([s, program])))))
                break
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
            top = os.path.join(root, checkout)
            macros = MACROS.get(checkout, [])

            def flags(program):
                around = [os.path.dirname(program)]
                while around[-1] != top:
                    around.append(os.path.dirname(around[-1]))
                return macros + [word for folder in around + includes for word in ("-I", folder)]

            checked = list(pool.map(lambda p: run(heddle, "check", *flags(p), p), programs))
            held = list(pool.map(lambda p: run(heddle, "stf", *flags(p[0]), *p), pairs))
            crashes += sum(status in ("crash", "timeout") for status, _ in checked + held)
            good, right = sum(s == 0 for s, _ in checked), sum(s == 0 for s, _ in held)
            print(f"{checkout:<50} {good:>5} of {len(programs):<5} scripts {right:>4} of {len(pairs)}", flush=True)
            if "--list" in sys.argv:
                for path, (status, stderr) in zip(programs + [program[:-2] + "stf" for program, _ in pairs], checked + held):
                    if status != 0:
                        why = re.search(r"error.*\n.*|differs.*|.*line \d+.*", stderr)
                        shown = why.group(0).replace("\n", " ") if why else stderr.strip()[:160]
                        print(f"    {os.path.relpath(path, root)}: {status}: {shown[:200]}")
    print(f"crashes and time-outs: {crashes}")


main()
