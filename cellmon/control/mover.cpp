#include "cellmon/control/mover.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "cellmon/control/rights_file.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/monotonic.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

using firewall::PageRange;
using firewall::Section;
using firewall::SectionId;
using firewall::SectionRights;
using mesh::MoveStep;
using mesh::MoveWord;
using sharing::Refusal;

constexpr std::chrono::milliseconds kMoverPeriod{100};

/// RANGES, which count from PAGES' start, in the contribution.
firewall::PageRanges placed(firewall::PageRanges ranges, const PageRange& pages) {
  for (PageRange& range : ranges) range.first += pages.first;
  return ranges;
}

}  // namespace

Mover::Mover(boost::asio::io_context& loop, Siblings& siblings, GlobalMemory& global,
             agree::Life life, Handlers handlers, spdlog::logger& log)
    : loop_(loop),
      siblings_(siblings),
      global_(global),
      handlers_(std::move(handlers)),
      log_(log),
      departure_(static_cast<CellId>(siblings.own()), life, *this),
      look_(loop) {
  global_.set_on_endings(
      [this](CellId cell) {
        arrivals_.dropped(cell);
        departure_.dropped(cell, monotonic_now());
      },
      [this] {
        departure_.sections_ended(monotonic_now());
        arrivals_.sections_ended();
      });
  siblings_.add(*this);
}

std::optional<Refusal> Mover::check(const std::optional<Section>& section, std::uint32_t number,
                                    CellId to) const {
  using sharing::Reason;
  const auto index = static_cast<std::size_t>(to);
  if (!section) return Refusal{Reason::kRange, fmt::format("there is no section {} here", number)};
  if (!section->movable) {
    return Refusal{Reason::kRange,
                   fmt::format("section {} was not made to be moved", section->name)};
  }
  if (index >= global_.sizes().size() || index == global_.own() || global_.sizes()[index] == 0) {
    return Refusal{Reason::kRange, "the new home has to be another cell that contributes memory"};
  }
  if (out_.contains(to) || siblings_.state(to) != Siblings::State::kJoined) {
    return Refusal{Reason::kNotLive,
                   fmt::format("cell {} has failed, or its monitor is gone", name_of(to))};
  }
  if (section->stage != firewall::Stage::kHere || departure_.is_busy()) {
    return Refusal{Reason::kBusy, "a section of this home is being moved; ask again"};
  }
  return std::nullopt;
}

std::optional<Refusal> Mover::move(std::uint32_t number, CellId to) {
  if (!global_.is_home()) {
    return Refusal{sharing::Reason::kRange, "this cell contributes no memory"};
  }
  know_view();
  const auto section = global_.gatekeeper().sections().find(SectionId{number});
  if (auto refusal = check(section, number, to)) return refusal;
  handlers_.tell("move", fmt::format("section {}, {} pages, is to move to {}", section->name,
                                     section->range.count, name_of(to)));
  departure_.begin(*section, to, monotonic_now());
  watch();
  return std::nullopt;
}

bool Mover::on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& /*files*/) {
  const std::uint64_t before = std::exchange(lives_[cell], hello.life);
  if (before != 0 && before != hello.life) gone(cell);
  return true;
}

void Mover::on_cut_off(CellId cell) {
  out_.insert(cell);
  gone(cell);
}

void Mover::gone(CellId cell) {
  arrivals_.gone(cell);
  departure_.gone(cell);
}

void Mover::know_view() {
  const std::uint64_t now = epoch();
  if (std::exchange(known_epoch_, now) != now) departure_.view_changed(monotonic_now());
}

void Mover::watch() {
  if (!departure_.is_busy() && !arrivals_.is_busy()) return;
  look_.arm(kMoverPeriod, [this] {
    know_view();
    departure_.tick(monotonic_now());
    arrivals_.tick(monotonic_now());
    watch();
  });
}

void Mover::on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) {
  const auto* move = std::get_if<mesh::Move>(&packet);
  if (move == nullptr || out_.contains(cell) || !global_.is_home()) return;
  if (global_.sizes()[static_cast<std::size_t>(cell)] == 0) return;  // It has no sections.
  know_view();
  take_word(cell, move->word, files);
  watch();
}

void Mover::take_word(CellId from, const MoveWord& word, const std::vector<UniqueFd>& files) {
  switch (word.step) {
    case MoveStep::kReserved:
    case MoveStep::kCopying:
    case MoveStep::kCopied:
    case MoveStep::kPublished:
    case MoveStep::kOver:
      return departure_.hear(from, word, monotonic_now());
    case MoveStep::kOffer:
    case MoveStep::kCopy:
    case MoveStep::kPublish:
    case MoveStep::kCancel:
      break;
  }
  arrivals_.hear(from, word, rights_of(from, word, files), monotonic_now());
}

std::optional<SectionRights> Mover::rights_of(CellId from, const MoveWord& word,
                                              const std::vector<UniqueFd>& files) const {
  if (word.step != MoveStep::kCopy || !arrivals_.awaits_rights(from, word)) return std::nullopt;
  const firewall::WriterSet holders(word.holders);
  if (!holders_are_cells(holders)) return std::nullopt;
  if (holders.empty()) return SectionRights{};
  if (files.size() != 1) return std::nullopt;
  return read_rights_file(files.front().get(), holders, word.pages);
}

bool Mover::holders_are_cells(firewall::WriterSet holders) const {
  const std::size_t cells = global_.sizes().size();
  const std::uint64_t all = cells < 64 ? (std::uint64_t{1} << cells) - 1 : ~std::uint64_t{0};
  return (holders.bits() & ~all) == 0 && !holders.contains(CellId(global_.own()));
}

void Mover::send(CellId to, const MoveWord& word) {
  // What does not get there is said again.
  (void)siblings_.send(to, mesh::Move{mesh::Kind::kMove, 0, word});
}

void Mover::send(CellId to, const MoveWord& word, const SectionRights* rights) {
  if (rights == nullptr || rights->empty()) return send(to, word);
  try {
    const UniqueFd file = make_rights_file(*rights, word.pages);
    const std::array<int, 1> files{file.get()};
    (void)siblings_.send(to, mesh::Move{mesh::Kind::kMove, 0, word}, files);
  } catch (const std::exception& error) {
    log_.warn("a section cannot be moved: {}", error.what());
    send(to, word);  // Without them it is refused.
  }
}

firewall::Result<firewall::FrozenSection> Mover::freeze(SectionId section) {
  const auto found = global_.gatekeeper().sections().find(section);
  if (found && global_.awaits_discard(found->range)) {
    return firewall::Refusal{firewall::Reason::kMoving,
                             "a cell that has written the section has ended, and it is not known "
                             "yet whether that is to be discarded"};
  }
  return global_.gatekeeper().freeze_section(section);
}

void Mover::thaw(SectionId section) { global_.gatekeeper().thaw_section(section); }

void Mover::forward(SectionId section, CellId home, SectionId to, const PageRange& place) {
  global_.gatekeeper().forward_section(section, home, to, place);
}

void Mover::ended(const placement::MoveEnd& end) {
  ++(end.moved ? counts_.moved : counts_.not_moved);
  last_end_ = end;
  if (end.moved) {
    handlers_.tell("moved", fmt::format("section {} is at {} now{}{}", end.name, name_of(end.to),
                                        end.why.empty() ? "" : ", ", end.why));
  } else {
    handlers_.tell("not-moved", fmt::format("section {} stays, and does not move to {}: {}",
                                            end.name, name_of(end.to), end.why));
  }
}

bool Mover::has_guest() const { return global_.admitted(static_cast<CellId>(global_.own())) != 0; }

firewall::Result<Section> Mover::reserve(const MoveWord& offer) {
  const firewall::SectionTerms terms{true, static_cast<CellId>(offer.creator)};
  if (offer.creator >= global_.sizes().size()) {
    return firewall::Refusal{firewall::Reason::kNoSuchCell, "its creator is no cell"};
  }
  return global_.gatekeeper().reserve_section(offer.name.data(), offer.pages, terms);
}

void Mover::copy(CellId from, const PageRange& theirs, const PageRange& ours) {
  const auto done = [this, from](bool is_whole) {
    copies_.erase(from);
    arrivals_.copied(from, is_whole);
  };
  const std::uint64_t pages = global_.sizes()[static_cast<std::size_t>(from)] / kPageSize;
  if (!firewall::lies_within(theirs, pages)) return done(false);
  try {
    copies_[from] = std::make_unique<SectionCopy>(
        loop_, copy_fd(global_.file(from)),
        copy_fd(global_.file(static_cast<CellId>(global_.own()))), theirs, ours, done);
  } catch (const std::exception& error) {
    log_.warn("a section of {} cannot be copied: {}", name_of(from), error.what());
    done(false);
  }
}

bool Mover::admit(CellId from, SectionId section, const SectionRights& rights,
                  const SectionRights& lost) {
  const Section here = *global_.gatekeeper().sections().find(section);
  for (const firewall::CellRights& each : lost) {
    const firewall::Revocation there{placed(each.writable, here.range),
                                     placed(each.written, here.range)};
    if (!global_.take_over_loss(each.cell, there, epoch())) return false;
  }
  (void)global_.gatekeeper().admit_section(section, rights);
  ++counts_.came;
  handlers_.tell("came", fmt::format("section {}, {} pages, is here now, from {}", here.name,
                                     here.range.count, name_of(from)));
  return true;
}

void Mover::release(SectionId section) { global_.gatekeeper().release_section(section); }

const std::string& Mover::name_of(CellId cell) const {
  return siblings_.names()[static_cast<std::size_t>(cell)];
}

}  // namespace hive::control
