// Workers in the cells of a machine, whose areas are sections of global memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "guests/sdk/machine.h"
#include "guests/workloads/team/member_page.h"
#include "guests/workloads/team/team.h"

namespace hive::workloads {

/// Who works on what.
struct CellTeamOptions {
  unsigned workers = 1;  ///< 1 to kMaxWorkers.
  unsigned rank = 0;     ///< Of this one, below `workers`.
  std::string section;   ///< Worker K's section is called `section`.K.
  std::uint64_t task = 0;
  std::size_t size = 0;                      ///< Of each area, in bytes.
  std::chrono::milliseconds gather{30000};   ///< Others have to come within that.
  std::chrono::milliseconds timeout{30000};  ///< Those who came may be that late at a meeting.
  bool with_all = true;  ///< Those who do not come are an error; else it goes on without them.
};

/// Each worker's section has its MemberPage, the page of the shared counter, which only rank 0's is
/// used of and which all may write, and the area. No other page is granted to anybody.
class CellTeam : public Team {
 public:
  /// Makes this worker's section, in place of one that an earlier run left, and waits for the
  /// others. Throws Error. MACHINE outlives the team.
  CellTeam(sdk::Machine& machine, CellTeamOptions options);
  CellTeam(const CellTeam&) = delete;
  CellTeam& operator=(const CellTeam&) = delete;
  /// Destroys the section; tells the others that this worker has given up, unless it has left.
  ~CellTeam() override;

  [[nodiscard]] unsigned workers() const override { return options_.workers; }
  [[nodiscard]] unsigned rank() const override { return options_.rank; }
  [[nodiscard]] bool takes_part(unsigned rank) const override;
  [[nodiscard]] unsigned char* own() override;
  [[nodiscard]] const unsigned char* area(unsigned rank) const override;
  void copy(unsigned rank, std::size_t offset, void* destination, std::size_t size) override;
  double meet(double told) override;
  void publish(std::size_t offset, std::uint32_t tag, const void* content,
               std::size_t size) override;
  bool take(unsigned rank, std::size_t offset, std::uint32_t tag, void* content,
            std::size_t size) override;
  std::optional<std::uint32_t> count() override;
  void leave() noexcept override;

 private:
  /// Another worker that has come.
  struct Fellow {
    std::uint32_t cell = 0;
    std::uint64_t offset = 0;  ///< Of its section within that cell's contribution.
    std::string name;          ///< For messages: "worker 1 (cell beta)".
  };

  void make_section();
  void gather();
  bool look_for(unsigned rank);
  void share_counter(std::uint32_t cell);
  [[nodiscard]] const Fellow& fellow(unsigned rank) const;
  [[nodiscard]] MemberPage* page() const;
  void set_step(std::uint32_t step);
  void await_step(unsigned rank, std::uint32_t step);
  double told_by(unsigned rank, std::uint32_t step);
  void await_leaving(unsigned rank, sdk::Clock::time_point end);
  [[nodiscard]] std::string section_of(unsigned rank) const;

  sdk::Machine& machine_;
  CellTeamOptions options_;
  hive_section section_{};
  std::uint64_t nonce_ = 0;
  std::uint32_t step_ = 0;
  bool left_ = false;
  bool counter_lost_ = false;
  std::set<std::uint32_t> counting_;            ///< Cells that may write rank 0's counter.
  std::vector<std::optional<Fellow>> fellows_;  ///< By rank; this worker's too.
};

}  // namespace hive::workloads
