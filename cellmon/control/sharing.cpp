#include "cellmon/control/sharing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "cellmon/control/balloon.h"
#include "policy/hint.h"
#include "vmm/base/monotonic.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

using agree::CellSet;
using agree::Time;
using policy::Blocks;
using policy::kBlockBytes;
using sharing::Refusal;

constexpr std::chrono::milliseconds kSharingPeriod{100};
constexpr Time kPublishPeriod = 500'000'000;
/// Until a VMM that has not taken its targets is told them again.
constexpr Time kRetellAfter = 1'000'000'000;
/// Between two recalls of a guest that stays short of memory.
constexpr Time kRecallPause = 5'000'000'000;

/// To whole blocks.
std::uint64_t rounded_up(std::uint64_t bytes) {
  constexpr std::uint64_t kRest = kBlockBytes - 1;
  return bytes > UINT64_MAX - kRest ? UINT64_MAX : bytes + kRest;
}

sharing::Loans::Settings settings_of(const plan::Cell& cell) {
  sharing::Loans::Settings settings;
  settings.self = cell.id;
  if (cell.is_policy()) return settings;
  settings.own = policy::blocks_of(cell.memory);
  const bool has_balloon = cell.huge_pages != plan::HugePages::kReserved;
  const std::uint64_t reserve = std::max(cell.reserve, Balloon::kLeast);
  settings.reserve =
      has_balloon ? std::min(policy::blocks_of(rounded_up(reserve)), settings.own) : settings.own;
  settings.room = policy::blocks_of(cell.spare);
  return settings;
}

std::optional<CellId> policy_of(const plan::Machine& machine) {
  for (const plan::Cell& cell : machine.cells) {
    if (cell.is_policy()) return cell.id;
  }
  return std::nullopt;
}

}  // namespace

Sharing::Sharing(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own,
                 Siblings& siblings, Members& members, Handlers handlers, spdlog::logger& log)
    : own_(machine.cells.at(own)),
      cells_(machine.cells.size()),
      policy_(policy_of(machine)),
      siblings_(siblings),
      members_(members),
      handlers_(std::move(handlers)),
      log_(log),
      loans_(settings_of(own_)),
      gate_(own_.id),
      look_(loop) {
  siblings_.add(*this);
}

void Sharing::start() { look(); }

void Sharing::look() {
  look_.arm(kSharingPeriod, [this] { look(); });
  know_author();
  if (is_weight_over_ && handlers_.set_cpu_weight(std::nullopt).empty()) {
    is_weight_over_ = weighed_ = false;
  }
  know_members();
  take_report();
  loans_.tick(monotonic_now());
  settle();
}

void Sharing::know_author() {
  policy::Author author{members_.view().epoch, 0};
  if (policy_ && own_.id != *policy_) {
    const auto page = members_.read_page(*policy_);
    if (page) author.incarnation = static_cast<std::uint32_t>(page->incarnation);
  }
  if (author == author_) return;
  author_ = author;
  is_weight_over_ = is_weight_over_ || weighed_;
  refusals_ = 0;
  if (author.incarnation == 0) {
    gate_.clear_author();
  } else {
    gate_.set_author(*policy_, author);
  }
  // The next incarnation starts from what the plan gives.
  placement_ = policy::kNoCell;
}

void Sharing::know_members() {
  CellSet members = members_.view().members;
  members.erase(own_.id);
  // A cell that has left may run until all have recovered.
  if (!members_.may_start()) members = members | known_;
  (members - known_).for_each([&](CellId cell) { loans_.joined(cell, monotonic_now()); });
  (known_ - members).for_each([&](CellId cell) { loans_.gone(cell, monotonic_now()); });
  known_ = members;
}

void Sharing::know_by_hand() {
  const ByHand by_hand = handlers_.by_hand();
  loans_.set_by_hand(policy::blocks_of(rounded_up(by_hand.balloon)), monotonic_now());
  loans_.set_room(policy::blocks_of(own_.spare - std::min(own_.spare, by_hand.spare)));
}

const Sharing::Told* Sharing::told_as(std::uint64_t target, std::uint64_t Targets::*member) const {
  for (const std::optional<Told>* each : {&told_, &before_}) {
    if (*each && (*each)->bytes.*member == target) return &**each;
  }
  return nullptr;
}

void Sharing::take_report() {
  const auto report = handlers_.report();
  if (!report) return;
  // A VMM that is being built has nothing that it was told.
  if (const Told* told = told_as(report->balloon_target, &Targets::balloon)) {
    // What was asked for by hand need not be whole blocks, and counts as such.
    const std::uint64_t rest = told->balloon * kBlockBytes - told->bytes.balloon;
    const std::uint64_t given = std::min(report->ballooned, own_.memory);
    loans_.note_balloon(told->balloon, policy::blocks_of(given + rest), monotonic_now());
  }
  if (const Told* told = told_as(report->plug_target, &Targets::spare)) {
    const std::uint64_t plugged = rounded_up(report->plugged);
    loans_.note_spare(told->spare,
                      policy::blocks_of(plugged - std::min(plugged, told->spare_by_hand)),
                      monotonic_now());
  }
  const bool has_all = told_ && report->balloon_target == told_->bytes.balloon &&
                       report->plug_target == told_->bytes.spare;
  if (has_all || !told_ || monotonic_now() - told_at_ < kRetellAfter) return;
  if (!std::exchange(is_warned_, true)) {
    log_.warn("the VMM has not taken what its guest is to give and to take; it is told again");
  }
  tell(Told(*told_));
}

void Sharing::tell(const Told& told) {
  const bool knows = !told_ && told.bytes == Targets{};  // It begins with that.
  if (!told_ || told.bytes != told_->bytes) before_ = std::exchange(told_, told);
  told_ = told;
  told_at_ = monotonic_now();
  if (knows) return;
  handlers_.set_targets(told.bytes.balloon, told.bytes.spare);
}

Sharing::Told Sharing::wanted() const {
  const ByHand by_hand = handlers_.by_hand();
  Told told;
  told.balloon = loans_.balloon_target();
  told.spare = loans_.spare_target();
  told.spare_by_hand = by_hand.spare;
  const bool is_by_hand_alone = told.balloon == policy::blocks_of(rounded_up(by_hand.balloon));
  told.bytes.balloon = is_by_hand_alone ? by_hand.balloon : told.balloon * kBlockBytes;
  told.bytes.spare = std::min(by_hand.spare + told.spare * kBlockBytes, own_.spare);
  return told;
}

void Sharing::settle() {
  if (const Told told = wanted(); !told_ || told.bytes != told_->bytes) tell(told);
  while (const auto peer = loans_.needs_word(monotonic_now())) {
    (void)siblings_.send(*peer,
                         mesh::Loan{mesh::Kind::kLoan, 0, loans_.word_for(*peer, monotonic_now())});
  }
  tell_notes();
  if (monotonic_now() - published_ >= kPublishPeriod) publish();
}

void Sharing::tell_notes() {
  for (const sharing::LoanNote& note : loans_.take_notes()) {
    const std::string detail =
        note.peer == own_.id ? note.detail : fmt::format("{}: {}", name_of(note.peer), note.detail);
    published_ = 0;
    if (notes_.take(monotonic_now())) {
      handlers_.tell(std::string(to_string(note.kind)), detail);
    } else {
      log_.info("{}: {}", to_string(note.kind), detail);
    }
  }
}

void Sharing::publish() {
  published_ = monotonic_now();
  if (own_.is_policy()) return;
  const CpuWeight weight = handlers_.cpu_weight();
  member::Shares shares{};
  shares.vcpus = own_.vcpus;
  shares.weight = weight.now;
  shares.usual_weight = weight.usual;
  shares.placement = placement_;
  shares.unused_blocks = policy::blocks_of(handlers_.unused_pages() * kPageSize);
  loans_.fill(shares, monotonic_now());
  members_.set_shares(shares);
}

void Sharing::vmm_started(agree::Life life, Incarnation incarnation) {
  loans_.vmm_started(life << 32U | incarnation, monotonic_now());
  told_.reset();
  before_.reset();
  is_warned_ = false;
  is_weight_over_ = weighed_ = false;  // It has the plan's.
  settle();
}

void Sharing::vmm_ended() {
  loans_.vmm_ended(monotonic_now());
  settle();
}

void Sharing::by_hand_changed() {
  know_by_hand();
  settle();
}

void Sharing::note_load(const hive_agent_load& load) {
  const Time time = monotonic_now();
  const sharing::LoanTotals totals = loans_.totals();
  if (load.total == 0 || totals.lent + totals.promised == 0) return;
  if (time - recalled_ < kRecallPause) return;
  if (load.available >= load.total / 1000 * kShortPermille) return;
  recalled_ = time;
  handlers_.tell("recall", fmt::format("the guest has {} MiB of {} available: what it has lent is "
                                       "to come home",
                                       load.available / kMiB, load.total / kMiB));
  loans_.recall_all(time);
  settle();
}

bool Sharing::on_joined(CellId cell, const mesh::Hello& /*hello*/,
                        std::vector<UniqueFd>& /*files*/) {
  loans_.link_up(cell, monotonic_now());
  return true;
}

void Sharing::on_lost(CellId cell) { loans_.link_lost(cell, monotonic_now()); }

void Sharing::on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& /*files*/) {
  if (const auto* loan = std::get_if<mesh::Loan>(&packet)) {
    know_members();
    loans_.hear(cell, loan->word, monotonic_now());
    settle();
  } else if (const auto* hint = std::get_if<mesh::Hint>(&packet)) {
    take_hint(cell, hint->hint);
  }
}

void Sharing::take_hint(CellId from, const hive_wax_hint& words) {
  know_author();
  const auto checked = gate_.check(from, words, monotonic_now());
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return refuse(words, *refusal);
  const auto refusal = follow(std::get<policy::Hint>(checked));
  if (!refusal) {
    ++followed_;
    return settle();
  }
  gate_.count(refusal->reason);
  refuse(words, *refusal);
}

std::optional<Refusal> Sharing::follow(const policy::Hint& hint) {
  const CellId peer{hint.peer};
  switch (hint.kind) {
    case policy::HintKind::kLend: {
      const auto page = members_.read_page(peer);
      const Blocks room = page && page->has_shares ? page->shares.room_blocks : 0;
      return loans_.lend(peer, hint.amount, room, monotonic_now());
    }
    case policy::HintKind::kGiveBack:
      return loans_.give_back(peer, hint.amount, monotonic_now());
    case policy::HintKind::kWeight:
      return set_weight(hint.amount);
    case policy::HintKind::kPlace:
      placement_ = hint.cell;
      return std::nullopt;
    case policy::HintKind::kMove:
      break;
  }
  if (!handlers_.move_section) return Refusal{sharing::Reason::kRange, "there is no global memory"};
  return handlers_.move_section(hint.section, peer);
}

std::optional<Refusal> Sharing::set_weight(std::uint32_t weight) {
  using sharing::Reason;
  // Advice may shift the plan's balance, not overturn it.
  const std::uint32_t usual = handlers_.cpu_weight().usual;
  if (weight < usual || weight > policy::most_weight(usual)) {
    return Refusal{Reason::kRange, fmt::format("the weight is not from the usual one, {}, to {} "
                                               "times that",
                                               usual, policy::kMostRaise)};
  }
  const std::string fault = handlers_.set_cpu_weight(weight);
  if (fault.empty()) {
    weighed_ = true;
    is_weight_over_ = false;
    return std::nullopt;
  }
  return Refusal{Reason::kNotLive, fault};
}

void Sharing::refuse(const hive_wax_hint& words, const Refusal& refusal) {
  if (++refusals_ > kMaxTold) return;
  log_.info("hint of kind {} refused: {} ({}){}", words.kind, refusal.text,
            to_string(refusal.reason), refusals_ == kMaxTold ? "; more are only counted" : "");
}

std::optional<CellId> Sharing::placement() const {
  if (placement_ >= cells_) return std::nullopt;
  return CellId{placement_};
}

std::uint64_t Sharing::lent(CellId cell) const { return loans_.lent(cell) * kBlockBytes; }

std::uint64_t Sharing::borrowed(CellId cell) const { return loans_.borrowed(cell) * kBlockBytes; }

const std::string& Sharing::name_of(CellId cell) const {
  return siblings_.names()[static_cast<std::size_t>(cell)];
}

}  // namespace hive::control
