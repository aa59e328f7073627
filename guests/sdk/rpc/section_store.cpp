#include "guests/sdk/rpc/section_store.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/rpc.h"

namespace hive::rpc {
namespace {

/// One process, also where another one gets its number later.
struct Process {
  pid_t pid = 0;  ///< 0: none.
  std::uint64_t start = 0;
};

/// When process PID was started, in the kernel's ticks; 0 where that cannot be told.
std::uint64_t start_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  // The second field is a name in parentheses, which may hold anything; the start is the 22nd.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  std::uint64_t start = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), start);
  return error == std::errc{} ? start : 0;
}

/// Takes a number and the "." after it from the start of TEXT.
template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const char* stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), stop, number);
  if (error != std::errc{} || end == stop || *end != '.') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

/// The process that NAME says to be a section of; none where it is none of RPC's.
Process owner_of(std::string_view name) {
  constexpr std::string_view kPrefix = HIVE_RPC_SECTION;
  if (name.substr(0, kPrefix.size()) != kPrefix) return {};
  name.remove_prefix(kPrefix.size());
  Process owner;
  const bool is_one =
      take_number(name, owner.pid) && take_number(name, owner.start) && owner.pid > 0;
  return is_one ? owner : Process{};
}

bool is_dead(const Process& process) {
  if (::kill(process.pid, 0) != 0 && errno == ESRCH) return true;
  const std::uint64_t now = start_of(process.pid);
  return now != 0 && process.start != 0 && now != process.start;
}

std::string new_name() {
  static std::atomic<unsigned> made{0};
  const pid_t own = ::getpid();
  return HIVE_RPC_SECTION + std::to_string(own) + "." + std::to_string(start_of(own)) + "." +
         std::to_string(made++);
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
    const Process owner = owner_of(section.value().name);
    if (owner.pid != 0 && is_dead(owner)) dead.push_back(section.value());
  }
  for (const hive_section& section : dead) (void)machine_.destroy_section(section, HIVE_FORCE);
}

}  // namespace hive::rpc
