// The workers of a parallel program, and what they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace hive::workloads {

/// How many workers a program can have: as many as a machine has cells.
inline constexpr unsigned kMaxWorkers = 64;

/// One worker's view of all of them. Each has an area of its own, all of one size, which only it
/// writes and all can read. Used by one thread. Functions that wait throw Error, which names the
/// worker that is at fault, where one of the others has failed or does not come in time.
class Team {
 public:
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  virtual ~Team() = default;

  [[nodiscard]] virtual unsigned workers() const = 0;
  [[nodiscard]] virtual unsigned rank() const = 0;
  /// Whether RANK takes part: this worker does; one that did not come in time does not.
  [[nodiscard]] virtual bool takes_part(unsigned rank) const = 0;

  /// This worker's area, zeros at first, aligned to a page.
  [[nodiscard]] virtual unsigned char* own() = 0;
  /// RANK's area, for plain loads. What is there may be anything: it may change while it is read,
  /// and becomes all-ones where its cell fails. Null where RANK takes no part.
  [[nodiscard]] virtual const unsigned char* area(unsigned rank) const = 0;
  /// Copies SIZE bytes at OFFSET of RANK's area. Throws where that cannot be read; checks no
  /// content.
  virtual void copy(unsigned rank, std::size_t offset, void* destination, std::size_t size) = 0;

  /// Waits until all have come here as often as this worker. TOLD is what it tells the others, 0 or
  /// more; gives the largest that any of them told. Stores from before are seen by all afterwards.
  virtual double meet(double told) = 0;

  /// An object at OFFSET (a multiple of 8) of this worker's area, which others take whole or not at
  /// all. It takes kObjectOverhead bytes more than SIZE, rounded up to 8. TAG says what it is: 1 to
  /// 0xfffffffe.
  virtual void publish(std::size_t offset, std::uint32_t tag, const void* content,
                       std::size_t size) = 0;
  /// Such an object of RANK's, which has to be SIZE bytes long; false: there is no sound one.
  virtual bool take(unsigned rank, std::size_t offset, std::uint32_t tag, void* content,
                    std::size_t size) = 0;
  static constexpr std::size_t kObjectOverhead = 32;

  /// The next number of a counter that starts at 0 and that all share. It may give a number twice
  /// where a cell has failed, and nothing where the counter is lost.
  virtual std::optional<std::uint32_t> count() = 0;

  /// This worker needs nothing of the others any more. Waits until they need nothing of it, have
  /// failed, or do not come in time; never throws.
  virtual void leave() noexcept = 0;
};

}  // namespace hive::workloads
