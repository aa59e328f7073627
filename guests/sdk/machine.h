// A machine, as one of its cells sees it: what hive.h offers, for C++.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "guests/sdk/command_channel.h"
#include "guests/sdk/device.h"
#include "guests/sdk/events/cell_lock.h"
#include "guests/sdk/events/events.h"
#include "guests/sdk/result.h"
#include "guests/sdk/use_meter.h"

namespace hive::sdk {

/// A run of pages.
struct PageRun {
  std::uint64_t first = 0;
  std::uint64_t pages = 0;
};

/// Thread-safe. Where hive.h has a function of the same name, that says what it does and how it
/// fails; nothing here throws but std::bad_alloc.
class Machine {
 public:
  static Result<std::unique_ptr<Machine>> open(const hive_options& options,
                                               const DevicePaths& paths = {});

  Machine(Device device, std::chrono::milliseconds deadline, std::unique_ptr<Bell> bell);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;

  [[nodiscard]] hive_machine_info info() const;
  Result<hive_cell> cell(std::uint32_t cell);
  Result<std::uint32_t> find_cell(std::string_view name);

  /// Of HOME, or of size 0 where there is no such cell.
  [[nodiscard]] hive_global_part part(std::uint32_t home) const;
  /// Where SIZE bytes from OFFSET of HOME's contribution are mapped, or null.
  [[nodiscard]] unsigned char* address(std::uint32_t home, std::uint64_t offset,
                                       std::uint64_t size) const;
  /// The same, or why not.
  [[nodiscard]] Result<unsigned char*> place(std::uint32_t home, std::uint64_t offset,
                                             std::uint64_t size) const;

  Result<hive_section> create_section(std::string_view name, std::uint64_t pages);
  Result<hive_section> create_section_at(std::uint32_t home, std::string_view name,
                                         std::uint64_t pages, std::uint32_t flags);
  Result<Done> destroy_section(const hive_section& section, std::uint32_t flags);
  Result<hive_section> open_section(std::uint32_t home, std::string_view name);
  Result<Done> close_section(const hive_section& section);
  Result<hive_section> find_section(std::uint32_t home, std::string_view name);
  Result<hive_section> next_section(std::uint32_t home, std::uint64_t first);

  /// See hive_section_used().
  Result<Done> use_section(const hive_section& section, std::uint64_t count);
  /// The same, told at once.
  Result<Done> tell_use(const hive_section& section, std::uint64_t count);

  /// How many pages changed. SECTION may be null.
  Result<std::uint64_t> grant(std::uint32_t cell, const hive_section* section,
                              const hive_pattern& pattern);
  Result<std::uint64_t> revoke(std::uint32_t cell, const hive_section* section,
                               const hive_pattern& pattern);
  Result<hive_page> page(std::uint32_t home, const hive_section* section, std::uint64_t page);
  Result<PageRun> written(std::uint32_t home, const hive_section* section, std::uint32_t cell,
                          std::uint64_t from);

  Result<Done> ring(std::uint32_t cell, std::uint32_t vector) const;
  Result<std::uint32_t> wait(std::uint32_t home, std::uint64_t offset, std::uint32_t old,
                             std::chrono::milliseconds timeout);
  /// How many cells were rung.
  Result<unsigned> wake(std::uint32_t home, std::uint64_t offset);

  /// The lock in the word at OFFSET of HOME's contribution; see hive_lock().
  Result<Taken> lock(std::uint32_t home, std::uint64_t offset, std::chrono::milliseconds timeout);
  Result<Done> unlock(std::uint32_t home, std::uint64_t offset);
  Result<LockState> lock_state(std::uint32_t home, std::uint64_t offset);
  Result<Done> abandon_lock(std::uint32_t home, std::uint64_t offset, const LockOwner& owner);

  /// See hive_next_discard().
  Result<Discard> next_discard(std::uint32_t after, std::chrono::milliseconds timeout);

  /// For what is built on top.
  [[nodiscard]] Events& events() { return events_; }
  [[nodiscard]] const Device& device() const { return device_; }
  /// Zeroes this cell's system area where it is of an earlier incarnation. Whoever sleeps or opens
  /// a SIPS port needs it. HIVE_NOT_MAPPED: the cell has no area that it can write. HIVE_DEADLINE
  /// at END, or at that of requests.
  Result<Done> use_system_area(Clock::time_point end = Clock::time_point::max());

  Result<hive_object> careful_read(std::uint32_t home, std::uint64_t offset, std::uint32_t tag,
                                   std::uint32_t generation, void* destination,
                                   std::size_t size) const;
  Result<Done> careful_publish(std::uint32_t home, std::uint64_t offset, std::uint32_t tag,
                               std::uint32_t generation, const void* content,
                               std::size_t length) const;
  Result<Done> copy_from(std::uint32_t home, std::uint64_t offset, void* destination,
                         std::size_t size) const;
  Result<Done> copy_to(std::uint32_t home, std::uint64_t offset, const void* source,
                       std::size_t size) const;

 private:
  Result<hive_section> ask_for_section(const hive_global_request& request);
  Result<Done> ask_about_section(std::uint32_t operation, const hive_section& section,
                                 std::uint32_t flags);
  Result<std::uint64_t> change(std::uint32_t operation, std::uint32_t cell,
                               const hive_section* section, const hive_pattern& pattern);
  /// The same of REQUEST's name.
  Result<hive_section> ask_by_name(const hive_global_request& request);
  /// What REQUEST's home answers, or the home that the section has moved to.
  Result<hive_section> follow(hive_global_request request);
  /// Whether REQUEST's home keeps a place for such a section, and no more.
  bool is_coming(hive_global_request request);
  /// What the first home answers that has such a section.
  Result<hive_section> ask_homes(hive_global_request request);
  /// Where it is on its way, waits for it.
  Result<hive_section> section_by_name(std::uint32_t operation, std::uint32_t home,
                                       std::string_view name);

  [[nodiscard]] Result<unsigned char*> word(std::uint32_t home, std::uint64_t offset) const;
  Result<CellLock> lock_at(std::uint32_t home, std::uint64_t offset);

  Device device_;
  Registers registers_;
  CommandChannel channel_;
  Events events_;
  UseMeter uses_;
};

}  // namespace hive::sdk
