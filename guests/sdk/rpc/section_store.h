// Sections of this cell's memory for RPC's rings.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "guests/sdk/machine.h"
#include "guests/sdk/rpc/link.h"

namespace hive::rpc {

/// Makes sections ahead of need and destroys those that are done with, by a thread of its own: each
/// takes a request to the monitor, which nobody who has a deadline may wait for. Keeps one in
/// store, in place of each that was taken. Sections of processes that are dead are destroyed at the
/// start, and where there is no space. Thread-safe.
class SectionStore {
 public:
  /// Of so many PAGES. MACHINE outlives the store.
  SectionStore(sdk::Machine& machine, std::uint64_t pages);
  SectionStore(const SectionStore&) = delete;
  SectionStore& operator=(const SectionStore&) = delete;
  /// Destroys what is in store and what was given back.
  ~SectionStore();

  /// A section, waiting until END for it; nothing where there is none to be had. Its content may be
  /// anything.
  std::optional<hive_section> take(Clock::time_point end);
  /// Whether take() would not wait.
  [[nodiscard]] bool is_ready();
  void give_back(const hive_section& section);

 private:
  /// How long nothing is tried after it failed.
  static constexpr std::chrono::seconds kPause{1};

  [[nodiscard]] bool is_decided() const {
    return spare_ || stopping_ || Clock::now() < pause_until_;
  }
  void work();
  [[nodiscard]] sdk::Result<hive_section> make();
  void bury_the_dead();

  sdk::Machine& machine_;
  const std::uint64_t pages_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<hive_section> spare_;
  std::deque<hive_section> returned_;
  Clock::time_point pause_until_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace hive::rpc
