// KVM's binary statistics of a VM or a vCPU
// (docs.kernel.org/virt/kvm/api.html, 4.133 KVM_GET_STATS_FD).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/base/unique_fd.h"

namespace hive::kvm {

/// A statistic that is one number.
struct Stat {
  std::string name;
  bool grows = false;      ///< It counts; else it is a level or a peak.
  std::size_t offset = 0;  ///< Of its 8 bytes in the file.

  friend bool operator==(const Stat&, const Stat&) = default;
};

/// The statistics that are one number, of a file that begins with HEAD, as far as that has them.
/// Histograms are left out.
std::vector<Stat> parse_stats(std::span<const std::byte> head);

/// Statistics of a VM or a vCPU. Needs no ioctl once it is there: a sandboxed process may read.
class Stats {
 public:
  /// More than any KVM has of one kind.
  static constexpr std::size_t kMaxBytes = 32768;

  /// Of the VM or vCPU with descriptor FD. Nothing where KVM has none (Linux before 5.14).
  static std::optional<Stats> open(int fd);

  [[nodiscard]] const std::vector<Stat>& list() const { return list_; }
  /// The values of list(), in its order, in one read(2); where that fails, those of the last that
  /// did not, or zeros: counts do not shrink.
  [[nodiscard]] std::span<const std::uint64_t> read();

 private:
  Stats(UniqueFd file, std::vector<Stat> list);

  UniqueFd file_;
  std::vector<Stat> list_;
  std::size_t first_ = 0;  ///< The part of the file that has the values.
  std::vector<std::byte> buffer_;
  std::vector<std::uint64_t> values_;
};

}  // namespace hive::kvm
