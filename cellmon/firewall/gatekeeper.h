// Makes the hardware follow what is decided of one home's contribution.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cellmon/firewall/contribution.h"
#include "cellmon/firewall/figures.h"
#include "vmm/base/unique_fd.h"
#include "vmm/memory/denial.h"
#include "vmm/memory/write_guard.h"

namespace hive::firewall {

/// A write that was stopped.
struct ViolationRecord {
  CellId cell{};
  PageIndex page = 0;
  std::int32_t vcpu = -1;  ///< -1: a device of the cell.
  std::uint64_t rip = 0;   ///< Of the guest's instruction, as the cell's VMM says; 0 for a device.
  std::chrono::system_clock::time_point time;
  bool is_late = false;  ///< See Gatekeeper::is_late_write(), when the write was denied.
};

/// Owns a home's contribution, on paper, and its guards on the other cells' mappings of its
/// contribution. A grant is a line in the ledger; the cell's first write to a page waits in the
/// kernel until this opens the page, which is what marks it as written. A revoke takes the line out
/// and protects what was opened. All of it happens on one thread, so no write is judged by a line
/// that is on its way out.
///
/// A cell whose VMM is gone stays in the ledger until remove(): the pages that it could have
/// written are what recovery asks for. Not thread-safe.
class Gatekeeper {
 public:
  using OnViolation = std::function<void(const ViolationRecord&)>;

  Gatekeeper(Contribution contribution, OnViolation on_violation)
      : contribution_(std::move(contribution)), on_violation_(std::move(on_violation)) {}

  [[nodiscard]] const Ledger& ledger() const { return contribution_.ledger(); }
  [[nodiscard]] const SectionTable& sections() const { return contribution_.sections(); }

  /// CELL's mapping of this contribution is governed by GUARD; denials of its writes go to its VMM
  /// over DENIALS (vmm/memory/denial.h). Replaces what there was: a new incarnation has a new
  /// mapping, all of it protected.
  void admit(CellId cell, memory::WriteGuard guard, UniqueFd denials);
  /// Forgets CELL's mapping. Its rights stay.
  void dismiss(CellId cell) { views_.erase(cell); }

  /// Descriptors that are readable when serve() has something to do for CELL.
  struct Descriptors {
    CellId cell{};
    int faults = -1;
    int answers = -1;
  };
  [[nodiscard]] std::vector<Descriptors> descriptors() const;
  /// Judges CELL's writes that wait, and takes its VMM's answers. Never blocks. False where writes
  /// have to wait until the VMM has answered.
  bool serve(CellId cell);

  /// How long home's own grants wait for the denials from before them. VMMs answer within
  /// milliseconds, but CELL's may never do, and its guest can have denials made on end: each grant
  /// of such pages may take that long, with all that this monitor does. No other cell's word may.
  static constexpr std::chrono::milliseconds kAnswerPatience{100};

  /// As the ledger has it. A grant returns when no denial from before it stands any more, or after
  /// PATIENCE: those that still do then may hit a write that is allowed by now, and are not
  /// counted. When a revoke returns, CELL writes none of the pages any more.
  Result<PageRanges> grant(CellId cell, std::span<const PageRange> pattern,
                           std::chrono::milliseconds patience = kAnswerPatience);
  Result<Revocation> revoke(CellId cell, std::span<const PageRange> pattern);

  /// As Contribution has them. When one returns, nobody writes any more what was taken from it.
  Result<Section> create_section(std::string_view name, std::uint64_t pages,
                                 const SectionTerms& terms = {});
  /// Makes the section of guests/abi/system_area.h, where the contribution is large enough. At the
  /// start, and after clear().
  void create_system_section();
  Result<Section> destroy_section(SectionId id, Force force, std::optional<CellId> by = {});
  void set_hosting(std::uint64_t pages) { contribution_.set_hosting(pages); }
  Result<Section> open_section(CellId cell, std::string_view name) {
    return contribution_.open_section(cell, name);
  }
  std::optional<Refusal> close_section(CellId cell, SectionId id) {
    return contribution_.close_section(cell, id);
  }
  [[nodiscard]] const Forwardings& forwardings() const { return contribution_.forwardings(); }

  /// A section's moves, as Contribution has them.
  Result<FrozenSection> freeze_section(SectionId id);
  void thaw_section(SectionId id) { contribution_.thaw_section(id); }
  void forward_section(SectionId id, CellId home, SectionId to, const PageRange& place);
  Result<Section> reserve_section(std::string_view name, std::uint64_t pages,
                                  const SectionTerms& terms);
  /// When it returns, no denial from before it stands any more.
  Section admit_section(SectionId id, const SectionRights& rights);
  void release_section(SectionId id) { contribution_.release_section(id); }
  /// Whether a write by CELL to PAGE is denied only since a section moves, or has moved from there:
  /// CELL cannot have known. Where another section has the page by now, it is one like any other.
  [[nodiscard]] bool is_late_write(CellId cell, PageIndex page) const;
  Revocation drop_cell(CellId cell);
  void clear();
  /// The content of PAGES was dropped: as Ledger::discard().
  void discard(const PageRanges& pages);

  /// Calls ON_HANDED_OUT with the pages of each section that is made or destroyed.
  void set_on_handed_out(std::function<void(const PageRange& pages)> on_handed_out) {
    on_handed_out_ = std::move(on_handed_out);
  }

  /// Writes stopped so far.
  [[nodiscard]] std::uint64_t violations() const { return figures_.violations.count(); }
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  /// A denial that its VMM has not answered yet.
  struct Outstanding {
    std::uint64_t sequence = 0;
    PageIndex page = 0;
    bool is_late = false;
    std::chrono::steady_clock::time_point since;
  };
  struct View {
    memory::WriteGuard guard;
    UniqueFd denials;
    std::vector<Outstanding> outstanding;
  };

  void judge(CellId cell, View& view, const memory::BlockedWrite& write);
  void take_answers(CellId cell, View& view);
  void await_answers(CellId cell, const PageRanges& granted, std::chrono::milliseconds patience);
  void protect(CellId cell, const PageRanges& opened);
  Result<Section> settle(const Result<Handover>& handover);

  Contribution contribution_;
  OnViolation on_violation_;
  std::function<void(const PageRange&)> on_handed_out_;
  std::map<CellId, View> views_;
  std::uint64_t last_sequence_ = 0;
  Figures figures_;
};

}  // namespace hive::firewall
