// A cell's CPU weight: what it is, and what the host makes of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/control/cpu/cpu_way.h"
#include "cellmon/control/deadline.h"
#include "cellmon/wire/cpu_status.h"

namespace hive::control {

/// Weights are as of cgroup v2, 1 to 10000. Single-threaded.
class CpuShare {
 public:
  /// Weights have no effect, for this reason. It may not call this object.
  using OnTrouble = std::function<void(const std::string& why)>;

  /// The least weight of a VMM that builds its cell or that all others wait for, and for how long
  /// after the latter.
  static constexpr std::uint32_t kLeastAwaited = 100;
  static constexpr std::chrono::milliseconds kEase{250};
  /// How long a VMM may take to build its cell with more than its weight.
  static constexpr std::chrono::seconds kBuildLimit{5};

  /// PLAN: the plan's weight. WAYS: to be tried in this order; not empty. ON_TROUBLE is called
  /// from attach(), once for each reason.
  CpuShare(boost::asio::io_context& loop, std::uint32_t plan,
           std::vector<std::unique_ptr<CpuWay>> ways, OnTrouble on_trouble);

  /// VMM has been started: it gets the plan's weight, by the first way that can, but kLeastAwaited
  /// or more until started(), for kBuildLimit at most. What it does until its guest runs is its
  /// own, and takes no longer in a cell of little weight than in others.
  void attach(WeighedVmm vmm);
  /// Its guest runs, or has: what the VMM does may be its guest's doing.
  void started();
  /// The VMM is being killed: what is left of it is the kernel's work, and who waits for its end
  /// waits for that. It has kLeastAwaited or more from now on.
  void end();
  /// The VMM has been reaped.
  void detach();
  /// WEIGHT is usual from now on, until the VMM's end, and what it has now. Why not, with nothing
  /// changed; else empty.
  std::string set_usual(std::uint32_t weight);
  /// The VMM has WEIGHT for now; what is usual stays. As set_usual().
  std::string set(std::uint32_t weight);

  /// Others wait for what the VMM does now, such as to stop its vCPUs: it has kLeastAwaited or more
  /// as far as the host allows, whatever its weight is.
  void await();
  /// They do not any more: it has that for kEase yet.
  void ease();

  [[nodiscard]] wire::CpuStatus status() const;
  /// What set_usual() made it for the present VMM, else the plan's.
  [[nodiscard]] std::uint32_t usual() const { return usual_; }
  /// The present VMM's; the usual one where there is none.
  [[nodiscard]] std::uint32_t weight() const { return weight_; }

 private:
  /// What the VMM is to have now.
  [[nodiscard]] std::uint32_t wanted() const;
  /// Has a VMM of less than kLeastAwaited get that, as far as the host allows.
  void raise();
  /// Takes what became of weight_; what could not be set yet is tried again.
  void take(const WeightSet& result);

  std::uint32_t plan_;
  std::uint32_t usual_;
  std::vector<std::unique_ptr<CpuWay>> ways_;
  OnTrouble on_trouble_;
  Deadline again_;
  Deadline ease_;
  Deadline build_;
  bool is_building_ = false;
  bool is_awaited_ = false;
  bool is_ending_ = false;
  CpuWay* way_ = nullptr;  ///< While a VMM is attached to it.
  std::uint32_t weight_;
  std::uint32_t applied_ = 0;
  std::string trouble_;
};

}  // namespace hive::control
