# SPDX-License-Identifier: Apache-2.0
"""`python -m flightkv` runs the program that came with the package."""

import os
import sys
import sysconfig

program = os.path.join(sysconfig.get_path("scripts"), "flightkv")
if not os.access(program, os.X_OK):
    sys.exit(f"the program flightkv isn't in {os.path.dirname(program)}, where pip puts it")
os.execv(program, [program, *sys.argv[1:]])
