#include "tests/bench/firewall/ways.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include <stdexcept>

#include "vmm/base/units.h"

namespace hive::bench {
namespace {

using firewall::PageRange;

constexpr CellId kBeta{1};

double processor_time_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void write_protect(test::Home& home, std::span<const PageRange> pattern, std::uint64_t mode) {
  const int guard = home.guard(kBeta);
  const std::uint64_t base = home.mapped_at(kBeta);
  for (const PageRange& each : pattern) {
    uffdio_writeprotect request{};
    request.range = {base + each.first * kPageSize, each.count * kPageSize};
    request.mode = mode;
    if (::ioctl(guard, UFFDIO_WRITEPROTECT, &request) != 0) {
      throw std::runtime_error("UFFDIO_WRITEPROTECT fails");
    }
  }
}

void protect(test::Home& home, std::span<const PageRange> pattern, int access) {
  const std::uint64_t base = home.mapped_at(kBeta);
  for (const PageRange& each : pattern) {
    auto* start = reinterpret_cast<void*>(base + each.first * kPageSize);
    if (::mprotect(start, each.count * kPageSize, access) != 0) {
      throw std::runtime_error("mprotect fails");
    }
  }
}

}  // namespace

Stopwatch::Stopwatch() : start_(processor_time_us()) {}

double Stopwatch::us() const { return processor_time_us() - start_; }

void grant_by_hive(test::Home& home, std::span<const PageRange> pattern) {
  home.grant(kBeta, pattern);
}

void revoke_by_hive(test::Home& home, std::span<const PageRange> pattern) {
  home.revoke(kBeta, pattern);
}

void grant_by_ioctl(test::Home& home, std::span<const PageRange> pattern) {
  write_protect(home, pattern, 0);
}

void revoke_by_ioctl(test::Home& home, std::span<const PageRange> pattern) {
  write_protect(home, pattern, UFFDIO_WRITEPROTECT_MODE_WP);
}

void grant_by_mprotect(test::Home& home, std::span<const PageRange> pattern) {
  protect(home, pattern, PROT_READ | PROT_WRITE);
}

void revoke_by_mprotect(test::Home& home, std::span<const PageRange> pattern) {
  protect(home, pattern, PROT_READ);
}

}  // namespace hive::bench
