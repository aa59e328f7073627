#!/usr/bin/env bash
# lab: inside timeout=800
# The tests of the kvm tier, on kvm_amd with nested paging.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The first two: their bound of one second is for a real processor, not for an emulated one
# (faults_test.sh is). The others are about monitors and `hive`, which do the same on any KVM, and take long
# here; cpu_weight_test.sh has that of CPU weights; crash_dump_test.sh, discard_test.sh,
# hang_test.sh, inject_test.sh, members_test.sh and monitor_test.sh have stock guests.
export GTEST_FILTER=-Machine.TakesEverythingDownWhenACellCannotStart:StartFaults.*\
:Failures.*:*SecondFailures.*:Overload.*:Injection.*:*Replaced*:CrashDumps.*:Hang.*:WitnessTest.*\
:Members.*:Faults.*:CommandLine.*:Rpc.*:Metrics.*:Top.*:CampaignRuns.*\
:Slow.*:Clients.*:GuestFaults.*:DeviceFaults.*:Ways/Cpu*:WaxMachine.*
# A page's first write takes 2 ms here, and there are half as many as pages.
export HIVE_PATTERN_MIB=64
log=$(mktemp)
ctest --test-dir build/release -L '^kvm$' --no-tests=error --output-on-failure --timeout 300 | tee "$log" || {
  echo "== what failed, once more"
  grep -E -A 8 ': Failure$|^\[  FAILED  \]|\*\*\*(Failed|Timeout|Exception)' "$log" | head -n 30
  exit 1
}
