#include "cellmon/firewall/gatekeeper.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "guests/abi/system_area.h"
#include "vmm/base/units.h"

namespace hive::firewall {
namespace {

using memory::Denial;
using memory::DenialAnswer;
using memory::DenialOutcome;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// More than a VMM has threads: one that has more denials open than this makes them up, and its
// writes wait until it answers.
constexpr std::size_t kMaxOutstanding = 256;
// Writes judged in a row, so that one cell's do not keep the others' waiting.
constexpr unsigned kMaxJudged = 64;
// Pages that were not open may be protected once more with those around them, which saves a system
// call each time. It makes KVM forget them, so that the guest's next read of one takes a fault: no
// more of them than the call is worth.
constexpr std::uint64_t kMaxGap = 4;

Range bytes_of(const PageRange& pages) {
  return {pages.first * kPageSize, pages.count * kPageSize};
}

std::uint64_t nanoseconds_since(Clock::time_point time) {
  const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - time);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(passed.count(), 0));
}

std::uint64_t pages_of(const PageRanges& ranges) {
  std::uint64_t pages = 0;
  for (const PageRange& range : ranges) pages += range.count;
  return pages;
}

bool covers(const PageRanges& ranges, PageIndex page) {
  return std::any_of(ranges.begin(), ranges.end(), [page](const PageRange& range) {
    return page >= range.first && page < range.end();
  });
}

}  // namespace

void Gatekeeper::admit(CellId cell, memory::WriteGuard guard, UniqueFd denials) {
  views_[cell] = View{std::move(guard), std::move(denials), {}};
}

std::vector<Gatekeeper::Descriptors> Gatekeeper::descriptors() const {
  std::vector<Descriptors> all;
  for (const auto& [cell, view] : views_) {
    all.push_back({cell, view.guard.fd(), view.denials.get()});
  }
  return all;
}

bool Gatekeeper::serve(CellId cell) {
  const auto found = views_.find(cell);
  if (found == views_.end()) return true;
  take_answers(cell, found->second);
  for (unsigned judged = 0; judged < kMaxJudged; ++judged) {
    if (found->second.outstanding.size() >= kMaxOutstanding) return false;
    const auto write = found->second.guard.next();
    if (!write) return true;
    judge(cell, found->second, *write);
  }
  return true;
}

void Gatekeeper::judge(CellId cell, View& view, const memory::BlockedWrite& write) {
  const PageIndex page = write.offset / kPageSize;
  const Verdict verdict = contribution_.ledger().open_for_write(cell, page);
  if (verdict == Verdict::kOpened) ++figures_.opened_pages;
  if (verdict != Verdict::kDenied) {
    // A VMM that is gone needs no opening.
    (void)view.guard.open(bytes_of({page, 1}));
    return;
  }
  const Clock::time_point since = Clock::now();
  const Denial denial{++last_sequence_, write.offset, write.thread, 0};
  if (::send(view.denials.get(), &denial, sizeof denial, MSG_DONTWAIT | MSG_NOSIGNAL) ==
      static_cast<ssize_t>(sizeof denial)) {
    // What it is now, whatever has become of the section when the VMM answers.
    view.outstanding.push_back({denial.sequence, page, is_late_write(cell, page), since});
  }
}

void Gatekeeper::take_answers(CellId cell, View& view) {
  DenialAnswer answer{};
  // A VMM that sends without end must not keep the others waiting.
  for (std::size_t taken = 0; taken < kMaxOutstanding; ++taken) {
    if (::recv(view.denials.get(), &answer, sizeof answer, MSG_DONTWAIT) !=
        static_cast<ssize_t>(sizeof answer)) {
      return;
    }
    const auto found =
        std::find_if(view.outstanding.begin(), view.outstanding.end(),
                     [&](const Outstanding& each) { return each.sequence == answer.sequence; });
    if (found == view.outstanding.end()) continue;  // VMMs are not trusted.
    const auto [sequence, page, is_late, since] = *found;
    view.outstanding.erase(found);
    if (answer.outcome != static_cast<std::uint32_t>(DenialOutcome::kStopped)) continue;
    figures_.violations.record(nanoseconds_since(since));
    ++figures_.violations_of.at(static_cast<std::size_t>(cell));
    on_violation_({cell, page, answer.vcpu, answer.rip, std::chrono::system_clock::now(), is_late});
  }
}

void Gatekeeper::await_answers(CellId cell, const PageRanges& granted, milliseconds patience) {
  const auto found = views_.find(cell);
  if (found == views_.end()) return;
  View& view = found->second;
  const auto deadline = Clock::now() + patience;
  const auto stands = [&] {
    return std::any_of(view.outstanding.begin(), view.outstanding.end(),
                       [&](const Outstanding& each) { return covers(granted, each.page); });
  };
  for (take_answers(cell, view); stands(); take_answers(cell, view)) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      // Nobody waits for these again; an answer that comes after all is none to a known denial.
      std::erase_if(view.outstanding,
                    [&](const Outstanding& each) { return covers(granted, each.page); });
      return;
    }
    pollfd readable{view.denials.get(), POLLIN, 0};
    (void)::poll(&readable, 1, static_cast<int>(left.count()));
    if ((readable.revents & (POLLHUP | POLLERR)) != 0) return;
  }
}

void Gatekeeper::protect(CellId cell, const PageRanges& opened) {
  const auto found = views_.find(cell);
  if (found == views_.end()) return;
  const auto closed = [&](const PageRange& between) {
    return contribution_.ledger().written_by(cell, between).empty();
  };
  for (const PageRange& range : joined(opened, kMaxGap, closed)) {
    (void)found->second.guard.protect(bytes_of(range));
  }
}

Result<PageRanges> Gatekeeper::grant(CellId cell, std::span<const PageRange> pattern,
                                     milliseconds patience) {
  const Clock::time_point since = Clock::now();
  auto granted = contribution_.ledger().grant(cell, pattern);
  if (!granted.ok()) return granted;
  await_answers(cell, granted.value(), patience);
  figures_.granted_pages += pages_of(granted.value());
  figures_.grants.record(nanoseconds_since(since));
  return granted;
}

Result<Revocation> Gatekeeper::revoke(CellId cell, std::span<const PageRange> pattern) {
  const Clock::time_point since = Clock::now();
  auto revoked = contribution_.ledger().revoke(cell, pattern);
  if (!revoked.ok()) return revoked;
  protect(cell, revoked.value().opened);
  figures_.revoked_pages += pages_of(revoked.value().pages);
  figures_.revokes.record(nanoseconds_since(since));
  return revoked;
}

Result<Section> Gatekeeper::settle(const Result<Handover>& handover) {
  if (!handover.ok()) return handover.refusal();
  for (const CellRevocation& each : handover.value().revoked) {
    protect(each.cell, each.revocation.opened);
  }
  if (on_handed_out_) on_handed_out_(handover.value().section.range);
  return handover.value().section;
}

Result<Section> Gatekeeper::create_section(std::string_view name, std::uint64_t pages,
                                           const SectionTerms& terms) {
  return settle(contribution_.create_section(name, pages, terms));
}

void Gatekeeper::create_system_section() {
  if (ledger().all().count < HIVE_SYSTEM_LEAST / kPageSize) return;
  (void)contribution_.create_reserved_section(HIVE_SYSTEM_SECTION, HIVE_SYSTEM_PAGES);
}

Result<Section> Gatekeeper::destroy_section(SectionId id, Force force, std::optional<CellId> by) {
  return settle(contribution_.destroy_section(id, force, by));
}

Result<FrozenSection> Gatekeeper::freeze_section(SectionId id) {
  auto frozen = contribution_.freeze_section(id);
  if (!frozen.ok()) return frozen;
  for (const OpenedPages& each : frozen.value().reprotect) protect(each.cell, each.opened);
  return frozen;
}

void Gatekeeper::forward_section(SectionId id, CellId home, SectionId to, const PageRange& place) {
  (void)settle(contribution_.forward_section(id, home, to, place));
}

Result<Section> Gatekeeper::reserve_section(std::string_view name, std::uint64_t pages,
                                            const SectionTerms& terms) {
  return settle(contribution_.reserve_section(name, pages, terms));
}

Section Gatekeeper::admit_section(SectionId id, const SectionRights& rights) {
  Section section = contribution_.admit_section(id, rights);
  // Another cell's word, which no denial may hold up.
  for (const CellRights& each : rights) await_answers(each.cell, {section.range}, milliseconds(0));
  return section;
}

bool Gatekeeper::is_late_write(CellId cell, PageIndex page) const {
  const auto section = sections().at(page);
  if (section && section->stage == Stage::kLeaving) return ledger().may_write(cell, page);
  if (section && section->stage == Stage::kHere) return false;
  return contribution_.former_places().could_write(cell, page);
}

Revocation Gatekeeper::drop_cell(CellId cell) {
  Revocation revoked = contribution_.drop_cell(cell);
  protect(cell, revoked.opened);
  figures_.revoked_pages += pages_of(revoked.pages);
  return revoked;
}

void Gatekeeper::clear() {
  for (const CellRevocation& each : contribution_.clear()) {
    protect(each.cell, each.revocation.opened);
  }
}

void Gatekeeper::discard(const PageRanges& pages) {
  const auto opened = contribution_.ledger().discard(pages);
  if (!opened.ok()) return;  // Beyond the contribution there is nothing.
  for (const OpenedPages& each : opened.value()) protect(each.cell, each.opened);
}

}  // namespace hive::firewall
