# SPDX-License-Identifier: Apache-2.0
"""The groups of bench.py in the order in which they run. Each is a context manager that is given
the sitting and yields a list of groups of cases: its servers and clients live as long as the
block."""

from groups import curves, large, others, parts, profiles, small

GROUPS = {
    "sockets": large.sockets,
    "python": large.python,
    "pyarrow": large.pyarrow,
    "first": large.first,
    "stores": others.stores,
    "host": others.host,
    "latency": small.latency,
    "requests": small.requests,
    "fairness": small.fairness,
    "sizes": curves.sizes,
    "keys": curves.keys,
    "clients": curves.clients,
    "scaling": curves.scaling,
    "parts": parts.parts,
    "transports": parts.transports,
    "profiles": profiles.profiles,
}
