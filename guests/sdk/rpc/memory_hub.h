// What the links in memory of one client or one server share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "guests/sdk/machine.h"
#include "guests/sdk/rpc/section_store.h"

namespace hive::rpc {

/// A section for one end of a link, back in store in the end.
class OwnedSection {
 public:
  OwnedSection(SectionStore& store, const hive_section& section)
      : store_(store), section_(section) {}
  OwnedSection(const OwnedSection&) = delete;
  OwnedSection& operator=(const OwnedSection&) = delete;
  ~OwnedSection() { store_.give_back(section_); }
  [[nodiscard]] const hive_section& get() const { return section_; }

 private:
  SectionStore& store_;
  hive_section section_;
};

/// This cell's memory and doorbell. Thread-safe, but for rest().
class MemoryHub {
 public:
  /// Links with one other cell at a time; further ones stay with their sockets.
  static constexpr unsigned kMostOfCell = 8;

  /// HIVE_NOT_MAPPED: this cell has no memory that it may write; HIVE_NO_DEVICE: nor the means to
  /// sleep until a doorbell rings. HIVE_DEADLINE: that took longer than until END. Else as
  /// Machine::open().
  static sdk::Result<std::shared_ptr<MemoryHub>> open(Clock::time_point end);
  static sdk::Result<std::shared_ptr<MemoryHub>> over(std::unique_ptr<sdk::Machine> machine,
                                                      Clock::time_point end);

  /// Throws std::system_error where no thread is to be had.
  MemoryHub(std::unique_ptr<sdk::Machine> machine, std::unique_ptr<sdk::Listener> listener,
            std::uint32_t capacity);
  MemoryHub(const MemoryHub&) = delete;
  MemoryHub& operator=(const MemoryHub&) = delete;
  ~MemoryHub();

  [[nodiscard]] sdk::Machine& machine() const { return *machine_; }
  [[nodiscard]] sdk::SystemAreas& areas() const { return machine_->events().areas(); }
  [[nodiscard]] std::uint32_t cell() const { return cell_; }
  /// Of each ring.
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

  /// A section for one more link; null where there is none by END.
  std::unique_ptr<OwnedSection> take_section(Clock::time_point end);
  /// Whether take_section() would not wait.
  bool has_section() { return sections_.is_ready(); }

  /// Links with the cell that has CID, as the transport vouches for it, are counted; callees make
  /// no more where it is crowded.
  void enter(std::uint32_t cid);
  void leave(std::uint32_t cid);
  [[nodiscard]] bool is_crowded(std::uint32_t cid);

  /// Before the one thread that waits for many links arms them: a descriptor that is readable once
  /// a doorbell has rung from now on.
  Rest rest();

 private:
  std::unique_ptr<sdk::Machine> machine_;
  std::unique_ptr<sdk::Listener> listener_;  ///< Of who waits for many links.
  const std::uint32_t cell_;
  const std::uint32_t capacity_;
  std::mutex mutex_;
  std::map<std::uint32_t, unsigned> links_;  ///< By CID. Guarded by mutex_.
  SectionStore sections_;
};

}  // namespace hive::rpc
