#!/usr/bin/env bash
# lab: inside timeout=300
# hive-vmm on its own boots a stock kernel with a serial console that takes input, and powers off.
set -euo pipefail
exec "$(dirname "$0")/../../scripts/lab.d/stock_cell" hive
