// Several cells that share global memory, with the gatekeeper of each, in one process.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "cellmon/firewall/gatekeeper.h"
#include "tests/kvm/harness/micro_cell.h"
#include "vmm/base/unique_fd.h"

namespace hive::test {

/// A home: its contribution, mapped as its own guest may write it, and its gatekeeper, which a
/// thread serves as a monitor's event loop would.
class Home {
 public:
  Home(CellId cell, std::uint64_t size);
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home();

  [[nodiscard]] UniqueFd file() const;
  /// The eventfd of its cell's interrupt VECTOR.
  [[nodiscard]] int doorbell(unsigned vector) const { return doorbells_[vector].get(); }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// The content, past any firewall.
  [[nodiscard]] std::byte* content() const { return content_; }

  void admit(CellId cell, cell::Cell::HomeLink link);
  void grant(CellId cell, const firewall::PageRange& range);
  void revoke(CellId cell, const firewall::PageRange& range);
  void grant(CellId cell, std::span<const firewall::PageRange> pattern);
  void revoke(CellId cell, std::span<const firewall::PageRange> pattern);
  firewall::Section create_section(std::string_view name, std::uint64_t pages);
  [[nodiscard]] firewall::PageRanges writable_by(CellId cell);
  [[nodiscard]] firewall::PageRanges written_by(CellId cell);
  /// The userfaultfd of CELL's mapping of the contribution, to go by the gatekeeper.
  [[nodiscard]] int guard(CellId cell) const { return guards_.at(cell).descriptor.get(); }
  /// Where CELL's VMM, which is this process, has the contribution mapped.
  [[nodiscard]] std::uint64_t mapped_at(CellId cell) const { return guards_.at(cell).base; }
  [[nodiscard]] std::vector<firewall::ViolationRecord> violations();
  /// The same once there are COUNT, or after half a minute: a VMM's answers reach the home after
  /// what the guest sees.
  [[nodiscard]] std::vector<firewall::ViolationRecord> await_violations(std::size_t count);
  /// From now on the home's monitor hangs, or no longer does.
  void hang(bool hung) { hung_ = hung; }

 private:
  void serve();

  struct Guard {
    UniqueFd descriptor;
    std::uint64_t base = 0;
  };

  UniqueFd file_;
  std::vector<UniqueFd> doorbells_;
  std::map<CellId, Guard> guards_;
  std::uint64_t size_;
  std::byte* content_;
  std::mutex mutex_;
  std::vector<firewall::ViolationRecord> violations_;  ///< Guarded by mutex_.
  firewall::Gatekeeper gatekeeper_;                    ///< Guarded by mutex_.
  std::atomic<bool> ended_{false};
  std::atomic<bool> hung_{false};
  std::thread thread_;
};

/// Cells of micro guests whose contributions are CONTRIBUTION bytes each.
class GlobalCells {
 public:
  /// One cell for each element of SCRIPTS, which has its vCPUs' scripts. DISKS are cell 1's. LINKED
  /// cells have a socket to their monitor, over which they give guards to homes.
  GlobalCells(const std::vector<std::vector<std::vector<micro::Action>>>& scripts,
              std::uint64_t contribution,
              cell::OnViolation on_violation = cell::OnViolation::kFault,
              const std::vector<cell::DiskConfig>& disks = {}, bool linked = false);

  MicroCell& cell(unsigned index) { return *cells_[index]; }
  Home& home(unsigned index) { return *homes_[index]; }

  /// The monitor's end of cell INDEX's socket.
  [[nodiscard]] int link(unsigned index) const { return links_[index].get(); }

  /// Starts all cells.
  void start();

  /// Where guests have byte OFFSET of HOME's contribution, of CONTRIBUTION bytes as all are.
  static std::uint64_t address(unsigned home, std::uint64_t offset, std::uint64_t contribution);

 private:
  [[nodiscard]] cell::GlobalConfig config(unsigned index, std::uint64_t contribution);
  void take_offers(unsigned index);

  std::vector<std::unique_ptr<Home>> homes_;
  std::vector<UniqueFd> links_;
  std::vector<std::unique_ptr<MicroCell>> cells_;
};

}  // namespace hive::test
