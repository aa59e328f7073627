#!/usr/bin/env bash
# lab: inside timeout=500
# The machine of examples/trio.yaml: up, status, exec, a disk that outlives a reboot, a page
# that cells share, a cell that fails, is recovered from and comes back, down.
exec "$(dirname "$0")/../../scripts/lib/demo_steps"
