# SPDX-License-Identifier: Apache-2.0
"""The ways to hand a table to another process that bench/demo.py compares. Each module is run as a
process of its own: `python -m ways.NAME server` or `... client`; harness.py is what they share."""
