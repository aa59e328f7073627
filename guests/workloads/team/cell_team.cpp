#include "guests/workloads/team/cell_team.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

#include "guests/sdk/guard.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::workloads {
namespace {

using namespace std::chrono_literals;
using sdk::Clock;

constexpr std::uint64_t kCounter = kPageSize;  // Offsets in a section.
constexpr std::uint64_t kArea = 2 * kPageSize;
constexpr std::uint64_t kStep = offsetof(MemberPage, step);
constexpr int kMostExchanges = 1000;  // Others count meanwhile; more are lost only to a storm.

template <typename T>
T need(sdk::Result<T> result, const std::string& what) {
  if (!result.ok()) throw Error(what + ": " + result.failure().message);
  return std::move(result).value();
}

std::uint64_t draw_nonce() {
  std::random_device device;
  const std::uint64_t high = device();
  return (high << 32 | device()) | 1;
}

/// Another program may look at it at any time.
template <typename T>
void store(T& place, T value) {
  __atomic_store(&place, &value, __ATOMIC_RELEASE);
}

}  // namespace

CellTeam::CellTeam(sdk::Machine& machine, CellTeamOptions options)
    : machine_(machine), options_(std::move(options)), fellows_(options_.workers) {
  make_section();
  try {
    gather();
  } catch (...) {
    set_step(kGaveUp);
    (void)machine_.destroy_section(section_, HIVE_FORCE);
    throw;
  }
}

CellTeam::~CellTeam() {
  if (!left_) set_step(kGaveUp);
  (void)machine_.destroy_section(section_, HIVE_FORCE);
}

std::string CellTeam::section_of(unsigned rank) const {
  return options_.section + "." + std::to_string(rank);
}

void CellTeam::make_section() {
  const std::uint32_t cell = machine_.info().cell;
  const std::string name = section_of(options_.rank);
  const std::uint64_t pages = (kArea + align_up(options_.size, kPageSize)) / kPageSize;
  if (auto old = machine_.find_section(cell, name); old.ok()) {
    (void)machine_.destroy_section(old.value(), HIVE_FORCE);
  }
  const std::string what = "section " + name + " of " + format_size(pages * kPageSize);
  section_ = need(machine_.create_section(name, pages), what);
  unsigned char* memory =
      need(machine_.place(cell, section_.first * kPageSize, section_.pages * kPageSize), what);
  std::memset(memory, 0, section_.pages * kPageSize);
  fellows_[options_.rank] = {cell, section_.first * kPageSize, "this worker"};
  nonce_ = draw_nonce();
  MemberPage* page = this->page();
  page->nonce = nonce_;
  page->task = options_.task;
  page->workers = options_.workers;
  page->rank = options_.rank;
  store(page->magic, kMemberMagic);
}

MemberPage* CellTeam::page() const {
  return reinterpret_cast<MemberPage*>(
      machine_.address(section_.home, section_.first * kPageSize, section_.pages * kPageSize));
}

/// Whether RANK has come: it has seen this worker, and this worker it.
bool CellTeam::look_for(unsigned rank) {
  // In the cell of the same number, as a rule: that asks one monitor instead of all.
  auto found = machine_.find_section(rank, section_of(rank));
  if (!found.ok()) found = machine_.find_section(HIVE_ANY_HOME, section_of(rank));
  if (!found.ok()) return false;
  const std::uint32_t cell = found.value().home;
  const std::uint64_t offset = found.value().first * kPageSize;
  MemberPage copy;
  if (!machine_.copy_from(cell, offset, &copy, sizeof copy).ok()) return false;
  const Wanted wanted{options_.workers, rank, options_.task, nonce_, options_.rank};
  Found kind = examine(copy, wanted);
  if (kind == Found::kNothing) return false;
  if (kind == Found::kFellow && found.value().pages != section_.pages) kind = Found::kOther;
  share_counter(cell);  // Who sees itself seen may count at once.
  store(page()->seen[rank], copy.nonce);
  if (kind == Found::kWorker) return false;
  if (kind == Found::kOther) {
    throw Error("worker " + std::to_string(rank) +
                " was started with other arguments; all that the result depends on, and "
                "--workers, have to be the same");
  }
  const auto facts = machine_.cell(cell);
  const std::string name = facts.ok() ? facts.value().name : std::to_string(cell);
  fellows_[rank] = {cell, offset, "worker " + std::to_string(rank) + " (cell " + name + ")"};
  return true;
}

void CellTeam::gather() {
  const auto end = Clock::now() + options_.gather;
  for (auto pause = 1ms;; pause = std::min(2 * pause, std::chrono::milliseconds(50))) {
    unsigned missing = options_.workers;
    for (unsigned rank = options_.workers; rank-- > 0;) {
      if (!fellows_[rank] && !look_for(rank)) missing = rank;
    }
    if (missing == options_.workers) return;
    if (Clock::now() >= end) {
      if (!options_.with_all) return;
      throw Error("worker " + std::to_string(missing) + " has not come within " +
                  std::to_string(options_.gather.count() / 1000) + " s: there is no section " +
                  section_of(missing) + " of a run that this one belongs to");
    }
    std::this_thread::sleep_for(pause);
  }
}

void CellTeam::share_counter(std::uint32_t cell) {
  if (options_.rank != 0 || cell == section_.home || !counting_.insert(cell).second) return;
  const hive_pattern counter{kCounter / kPageSize, 1, 1, 1};
  need(machine_.grant(cell, &section_, counter), "the counter's page");
}

bool CellTeam::takes_part(unsigned rank) const {
  return rank < fellows_.size() && fellows_[rank].has_value();
}

const CellTeam::Fellow& CellTeam::fellow(unsigned rank) const {
  if (!takes_part(rank)) throw Error("worker " + std::to_string(rank) + " takes no part");
  return *fellows_[rank];
}

unsigned char* CellTeam::own() { return reinterpret_cast<unsigned char*>(page()) + kArea; }

const unsigned char* CellTeam::area(unsigned rank) const {
  if (!takes_part(rank)) return nullptr;
  return machine_.address(fellows_[rank]->cell, fellows_[rank]->offset + kArea, options_.size);
}

void CellTeam::copy(unsigned rank, std::size_t offset, void* destination, std::size_t size) {
  const Fellow& from = fellow(rank);
  need(machine_.copy_from(from.cell, from.offset + kArea + offset, destination, size), from.name);
}

void CellTeam::set_step(std::uint32_t step) {
  store(page()->step, step);
  (void)machine_.wake(section_.home, section_.first * kPageSize + kStep);
}

void CellTeam::await_step(unsigned rank, std::uint32_t step) {
  const Fellow& other = fellow(rank);
  const auto end = Clock::now() + options_.timeout;
  std::uint32_t found = step - 1;
  do {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    auto changed = machine_.wait(other.cell, other.offset + kStep, found, std::max(left, 0ms));
    if (changed.status() == HIVE_DEADLINE) {
      throw Error(other.name + " is more than " + std::to_string(options_.timeout.count() / 1000) +
                  " s late; look at its cell (hive status), or give more --timeout");
    }
    found = need(std::move(changed), other.name);
  } while (!has_come(found, step, other.name));
}

double CellTeam::told_by(unsigned rank, std::uint32_t step) {
  const Fellow& other = fellow(rank);
  double told = 0;
  const std::uint64_t place = offsetof(MemberPage, told) + step % 2 * sizeof told;
  need(machine_.copy_from(other.cell, other.offset + place, &told, sizeof told), other.name);
  if (!std::isfinite(told) || told < 0) {
    throw Error(other.name +
                " tells what is no number; its cell has failed, or its memory is "
                "corrupted");
  }
  return told;
}

double CellTeam::meet(double told) {
  if (step_ >= kMostSteps) throw Error("the workers have met too often");
  ++step_;
  store(page()->told[step_ % 2], told);
  set_step(step_);
  double largest = told;
  for (unsigned rank = 0; rank < options_.workers; ++rank) {
    if (rank == options_.rank || !takes_part(rank)) continue;
    await_step(rank, step_);
    largest = std::max(largest, told_by(rank, step_));
  }
  return largest;
}

void CellTeam::publish(std::size_t offset, std::uint32_t tag, const void* content,
                       std::size_t size) {
  need(machine_.careful_publish(section_.home, section_.first * kPageSize + kArea + offset, tag, 0,
                                content, size),
       "an object of this worker's");
}

bool CellTeam::take(unsigned rank, std::size_t offset, std::uint32_t tag, void* content,
                    std::size_t size) {
  if (!takes_part(rank)) return false;
  const Fellow& from = *fellows_[rank];
  const auto object =
      machine_.careful_read(from.cell, from.offset + kArea + offset, tag, 0, content, size);
  return object.ok() && object.value().length == size;
}

std::optional<std::uint32_t> CellTeam::count() {
  if (!takes_part(0) || counter_lost_) return std::nullopt;
  unsigned char* counter = machine_.address(fellows_[0]->cell, fellows_[0]->offset + kCounter, 4);
  std::uint32_t seen = 0;
  counter_lost_ = counter == nullptr || !sdk::guarded_load_word(counter, seen);
  for (int tries = 0; !counter_lost_ && tries < kMostExchanges; ++tries) {
    if (seen == kGone) break;
    const std::uint32_t expected = seen;
    if (!sdk::guarded_exchange_if(counter, seen, expected + 1)) break;
    if (seen == expected) return expected;
  }
  counter_lost_ = true;
  return std::nullopt;
}

void CellTeam::await_leaving(unsigned rank, Clock::time_point end) {
  const Fellow& other = *fellows_[rank];
  while (true) {
    // It is over with a worker whose page is not what it was, too.
    MemberPage copy;
    if (!machine_.copy_from(other.cell, other.offset, &copy, sizeof copy).ok()) return;
    if (copy.magic != kMemberMagic || copy.seen[options_.rank] != nonce_) return;
    if (copy.step >= kLeft || Clock::now() >= end) return;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (!machine_.wait(other.cell, other.offset + kStep, copy.step, std::max(left, 0ms)).ok()) {
      return;
    }
  }
}

void CellTeam::leave() noexcept {
  left_ = true;
  set_step(kLeft);
  const auto end = Clock::now() + options_.timeout;
  for (unsigned rank = 0; rank < options_.workers; ++rank) {
    if (rank != options_.rank && takes_part(rank)) await_leaving(rank, end);
  }
}

}  // namespace hive::workloads
