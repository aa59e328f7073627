#!/usr/bin/env bash
# lab: inside timeout=600 tier=long
# CPU weights by each of the ways that a stock kernel has: cgroup v2, autogroups and nice values.
set -euo pipefail
cd "$(dirname "$0")/../.."
autogroups=/proc/sys/kernel/sched_autogroup_enabled

# Runs the tests FILTER names, which have to say that weights go by WAY.
run() {
  local way=$1 filter=$2 log
  log=$(mktemp)
  build/release/bin/kvm_hive --gtest_filter="$filter" | tee "$log"
  if ! grep -q "^CPU weights by $way" "$log"; then
    echo "FAILED: weights did not go by $way"
    exit 1
  fi
  if grep -q 'SKIPPED' "$log"; then
    echo "FAILED: a test was skipped"
    exit 1
  fi
}

run cgroup 'Ways/Cpu*.*/Automatic'
if ls -d /sys/fs/cgroup/hive-* 2>/dev/null; then
  echo "FAILED: groups are left"
  exit 1
fi
nice_tests='Ways/CpuShares.FollowWeightsAndComeBack/Nice:Ways/CpuShares.AreThePlansAfterAReboot/Nice'
echo 1 >"$autogroups"
run autogroup "$nice_tests"
echo 0 >"$autogroups"
run nice "$nice_tests"
