#include "guests/sdk/rpc/section_store.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/rpc.h"

namespace hive::rpc {
namespace {

/// The process that NAME says to be a section of; 0 where it is none of RPC's.
pid_t owner_of(std::string_view name) {
  constexpr std::string_view kPrefix = HIVE_RPC_SECTION;
  if (name.substr(0, kPrefix.size()) != kPrefix) return 0;
  name.remove_prefix(kPrefix.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const bool is_number = error == std::errc{} && end != name.data() + name.size() && *end == '.';
  return is_number && pid > 0 ? pid : 0;
}

std::string new_name() {
  static std::atomic<unsigned> made{0};
  return HIVE_RPC_SECTION + std::to_string(::getpid()) + "." + std::to_string(made++);
}

}  // namespace

SectionStore::SectionStore(sdk::Machine& machine, std::uint64_t pages)
    : machine_(machine), pages_(pages), worker_([this] { work(); }) {}

SectionStore::~SectionStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

std::optional<hive_section> SectionStore::take(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  const bool over = changed_.wait_until(lock, end, [this] { return is_decided(); });
  if (!over || !spare_) return std::nullopt;
  const std::optional<hive_section> taken = std::exchange(spare_, std::nullopt);
  changed_.notify_all();
  return taken;
}

bool SectionStore::is_ready() {
  const std::lock_guard lock(mutex_);
  return is_decided();
}

void SectionStore::give_back(const hive_section& section) {
  const std::lock_guard lock(mutex_);
  returned_.push_back(section);
  changed_.notify_all();
}

void SectionStore::work() {
  bury_the_dead();
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopping_ && spare_) returned_.push_back(*std::exchange(spare_, std::nullopt));
    if (!returned_.empty()) {
      const hive_section section = returned_.front();
      returned_.pop_front();
      lock.unlock();
      const auto done = machine_.destroy_section(section, HIVE_FORCE);
      lock.lock();
      // A monitor that does not answer would cost as much for each.
      if (stopping_ && done.status() == HIVE_DEADLINE) return;
    } else if (stopping_) {
      return;
    } else if (spare_) {
      changed_.wait(lock);
    } else if (Clock::now() < pause_until_) {
      changed_.wait_until(lock, pause_until_);
    } else {
      lock.unlock();
      const auto made = make();
      lock.lock();
      if (made.ok()) {
        spare_ = made.value();
      } else {
        pause_until_ = Clock::now() + kPause;
      }
      changed_.notify_all();
    }
  }
}

sdk::Result<hive_section> SectionStore::make() {
  auto made = machine_.create_section(new_name(), pages_);
  if (made.status() != HIVE_NO_SPACE && made.status() != HIVE_NAME_TAKEN) return made;
  bury_the_dead();
  return machine_.create_section(new_name(), pages_);
}

/// Ends sections whose processes were killed before they could.
void SectionStore::bury_the_dead() {
  const std::uint32_t own = machine_.info().cell;
  std::vector<hive_section> dead;
  for (std::uint64_t first = 0;;) {
    const auto section = machine_.next_section(own, first);
    if (!section.ok()) break;
    first = section.value().first + section.value().pages;
    const pid_t owner = owner_of(section.value().name);
    if (owner != 0 && ::kill(owner, 0) != 0 && errno == ESRCH) dead.push_back(section.value());
  }
  for (const hive_section& section : dead) (void)machine_.destroy_section(section, HIVE_FORCE);
}

}  // namespace hive::rpc
