#include "cellmon/control/cpu/nice_way.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "cellmon/control/cpu/nice_weight.h"

namespace hive::control {
namespace {

bool has_sys_nice() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[0].effective & (1U << CAP_SYS_NICE)) != 0;
}

/// Gives thread THREAD NICE; 0 or an errno. CHANGED is set if it had another.
int renice(id_t thread, int nice, bool& changed) {
  errno = 0;
  const int before = ::getpriority(PRIO_PROCESS, thread);
  if (before == nice && errno == 0) return 0;
  if (::setpriority(PRIO_PROCESS, thread, nice) != 0) return errno == ESRCH ? 0 : errno;
  changed = true;
  return 0;
}

/// All threads that process PID has now; 0 or an errno.
int renice_threads(pid_t pid, int nice, bool& changed) {
  std::error_code error;
  const std::filesystem::directory_iterator end;
  std::filesystem::directory_iterator at(fmt::format("/proc/{}/task", pid), error);
  for (; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    id_t thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec != std::errc{}) continue;
    const int failed = renice(thread, nice, changed);
    if (failed != 0) return failed;
  }
  return 0;  // A process that is gone has no threads.
}

}  // namespace

int NiceWay::least_allowed() {
  if (has_sys_nice()) return kLeastNice;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NICE, &limit) != 0) return kMostNice + 1;
  constexpr rlim_t kSpan = kMostNice + 1 - kLeastNice;  // setrlimit(2): 20 - nice.
  return kMostNice + 1 - static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kSpan));
}

int NiceWay::nice_of(std::uint32_t weight) const {
  return shift_nice(base_, nice_of_weight(weight));
}

WeightSet NiceWay::attach(WeighedVmm vmm, std::uint32_t weight) {
  vmm_ = vmm.pid;
  now_ = base_;  // As a child of this process.
  return apply(nice_of(weight));
}

WeightSet NiceWay::set(std::uint32_t weight) {
  if (!vmm_) return {};
  const int nice = nice_of(weight);
  if (nice > now_ && least_ > now_) {
    return {0,
            fmt::format("it could not be raised again afterwards: nice value {} takes CAP_SYS_NICE "
                        "or RLIMIT_NICE of at least {} (`ulimit -e`)",
                        now_, kMostNice + 1 - now_),
            false};
  }
  return apply(nice);
}

WeightSet NiceWay::lower(std::uint32_t weight) {
  return vmm_ ? apply(nice_of(weight)) : WeightSet{};
}

WeightSet NiceWay::apply(int nice) {
  // A thread that is started meanwhile may have what its parent had before.
  constexpr int kPasses = 4;
  bool changed = true;
  for (int pass = 0; pass < kPasses && changed; ++pass) {
    changed = false;
    const int error = renice_threads(*vmm_, nice, changed);
    if (error == 0) continue;
    const bool denied = error == EACCES || error == EPERM;
    return {0,
            denied ? fmt::format("nice value {} takes CAP_SYS_NICE or RLIMIT_NICE of at least {} "
                                 "(`ulimit -e`)",
                                 nice, kMostNice + 1 - nice)
                   : fmt::format("nice value {}: {}", nice, std::strerror(error)),
            false};
  }
  now_ = nice;
  return {weight_of_nice(nice, base_), {}, false};
}

WeightSet AutogroupWay::attach(WeighedVmm vmm, std::uint32_t weight) {
  file_ = std::move(vmm.autogroup);
  return set(weight);
}

WeightSet AutogroupWay::set(std::uint32_t weight) {
  if (!file_) return {0, "the VMM's autogroup cannot be written", false};
  const int nice = nice_of_weight(weight);
  const std::string text = std::to_string(nice);
  // No pwrite(2): the file has no places, and refuses it.
  if (::write(file_.get(), text.data(), text.size()) >= 0) {
    return {weight_of_nice(nice, 0), {}, false};
  }
  const int error = errno;
  if (error == EAGAIN) return {0, {}, true};  // One in a tenth of a second, without privileges.
  const std::string why = fmt::format("autogroup's nice value {}: {}", nice, std::strerror(error));
  if (error != EPERM) return {0, why, false};
  return {0,
          fmt::format("{}; it takes CAP_SYS_NICE or RLIMIT_NICE of at least {} (`ulimit -e`)", why,
                      kMostNice + 1 - nice),
          false};
}

}  // namespace hive::control
