// One request of a guest's driver, as its device sees it.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/memory/foreign_writer.h"

namespace hive::device {

/// The buffers of one descriptor chain, checked and translated: host addresses within guest RAM
/// or global memory.
/// Their layout can no longer change; their content can, at any time, so it is copied once and then
/// checked. Storage for the buffers belongs to the caller and is filled from its front: readable
/// ones first.
struct Chain {
  std::uint16_t head = 0;      ///< What the used ring calls this chain.
  std::uint16_t readable = 0;  ///< Buffers that the device may read.
  std::uint16_t writable = 0;  ///< Buffers that the device may write, after the readable ones.
  std::uint64_t readable_bytes = 0;
  std::uint64_t writable_bytes = 0;
  /// Null where all writable buffers are RAM. Else some are in global memory, and they are written
  /// through store() alone.
  memory::ForeignWriter* writer = nullptr;
  std::span<iovec> storage;  ///< At least as many as the queue has descriptors.

  [[nodiscard]] std::span<iovec> to_read() const { return storage.first(readable); }
  [[nodiscard]] std::span<iovec> to_write() const { return storage.subspan(readable, writable); }
};

/// Copies up to OUT.size() bytes from BUFFERS at OFFSET. Returns how many there were.
std::size_t copy_from(std::span<const iovec> buffers, std::uint64_t offset,
                      std::span<std::byte> out);
/// Copies up to IN.size() bytes to BUFFERS at OFFSET. Returns how many had room.
std::size_t copy_to(std::span<const iovec> buffers, std::uint64_t offset,
                    std::span<const std::byte> in);
/// copy_to() for buffers of which some may be in global memory. False when the firewall stopped it.
[[nodiscard]] bool store(std::span<const iovec> buffers, std::uint64_t offset,
                         std::span<const std::byte> in, memory::ForeignWriter* writer);
/// Drops COUNT bytes (at most all) from the front of BUFFERS, in place: what remains is returned.
std::span<iovec> drop_front(std::span<iovec> buffers, std::uint64_t count);
/// Drops COUNT bytes (at most all) from the back of BUFFERS, in place: what remains is returned.
std::span<iovec> drop_back(std::span<iovec> buffers, std::uint64_t count);

}  // namespace hive::device
