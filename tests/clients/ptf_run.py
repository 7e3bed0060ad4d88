"""PTF with a P4Runtime base: ptf_run.py ADDRESS DEVICE_ID P4INFO CONFIG

Runs the `ptf` command of this environment on tests/clients/ptf, which talk to the switch; its dataplane has no port.
"""

import os
import subprocess
import sys

address, device, p4info, config = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
ptf = os.path.join(os.path.dirname(sys.executable), "ptf")
params = f"grpcaddr='{address}';device={device};p4info='{p4info}';config='{config}'"
words = [sys.executable, ptf, "--test-dir", os.path.join(here, "ptf"), "--platform", "dummy", f"--test-params={params}"]
done = subprocess.run(words, capture_output=True, text=True)
print(done.stdout, done.stderr)
# PTF's status is that of its tests; that there were some is to be seen.
sys.exit(done.returncode or (0 if "OK" in done.stderr + done.stdout else 1))
