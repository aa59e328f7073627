#!/usr/bin/env bash
# lab: inside timeout=500
# The machine of examples/trio.yaml: up, status, exec, a disk that outlives a reboot, down.
exec "$(dirname "$0")/../../scripts/lib/demo_steps"
