#include "vmm/cell/sandbox.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "vmm/base/error.h"

namespace hive::cell {
namespace {

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

/// libseccomp's functions return a negative errno.
void check(int result, const char* what) {
  if (result >= 0) return;
  throw_errno(what, -result, "it takes a kernel with CONFIG_SECCOMP_FILTER");
}

scmp_arg_cmp comparison(const ArgumentTest& test) {
  if (test.kind == ArgumentTest::Kind::kAtMost) {
    return {test.argument, SCMP_CMP_LE, test.value, 0};
  }
  // Without the mask's instruction, which adds up over KVM's requests.
  if (~test.mask == 0) return {test.argument, SCMP_CMP_EQ, test.value, 0};
  return {test.argument, SCMP_CMP_MASKED_EQ, test.mask, test.value};
}

void add_rule(const Filter& filter, const SandboxRule& rule) {
  std::array<scmp_arg_cmp, 6> tests{};
  for (std::size_t index = 0; index < rule.tests.size(); ++index) {
    tests.at(index) = comparison(rule.tests[index]);
  }
  check(::seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, rule.call,
                                       static_cast<unsigned>(rule.tests.size()), tests.data()),
        "sandbox: a rule");
}

Filter make_filter() {
  Filter filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release);
  if (!filter) throw Error("sandbox: libseccomp cannot make a filter");
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), "sandbox: all threads");
  // No stray call of a library's is of another ABI.
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
        "sandbox: other ABIs");
  return filter;
}

}  // namespace

void drop_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw_errno("sandbox: PR_SET_NO_NEW_PRIVS");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Refused to users who have none: then there is nothing to drop either.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) {
    ++capability;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) throw_errno("sandbox: capset");
}

void enter_sandbox(const SandboxBounds& bounds) {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) throw_errno("sandbox: PR_SET_DUMPABLE");
  const Filter filter = make_filter();
  std::set<int> seen;
  for (const SandboxRule& rule : sandbox_rules(bounds)) {
    add_rule(filter, rule);
    if (!seen.insert(rule.call).second) continue;
    const auto priority = static_cast<std::uint8_t>(256 - seen.size());
    check(::seccomp_syscall_priority(filter.get(), rule.call, priority), "sandbox: an order");
  }
  check(::seccomp_load(filter.get()), "sandbox: seccomp");
}

}  // namespace hive::cell
