#include "vmm/device/virtio/chain.h"

#include <algorithm>
#include <cstring>

namespace hive::device {
namespace {

/// Calls COPY(host bytes, position in the local copy, count) for each piece of the LENGTH bytes of
/// BUFFERS at OFFSET. Returns the bytes visited.
template <typename Copy>
std::size_t for_each_piece(std::span<const iovec> buffers, std::uint64_t offset, std::size_t length,
                           Copy copy) {
  std::size_t done = 0;
  for (const iovec& buffer : buffers) {
    if (done == length) break;
    if (offset >= buffer.iov_len) {
      offset -= buffer.iov_len;
      continue;
    }
    const std::size_t count = std::min<std::size_t>(buffer.iov_len - offset, length - done);
    copy(static_cast<std::byte*>(buffer.iov_base) + offset, done, count);
    done += count;
    offset = 0;
  }
  return done;
}

}  // namespace

std::size_t copy_from(std::span<const iovec> buffers, std::uint64_t offset,
                      std::span<std::byte> out) {
  return for_each_piece(buffers, offset, out.size(),
                        [&](const std::byte* host, std::size_t at, std::size_t count) {
                          std::memcpy(out.data() + at, host, count);
                        });
}

std::size_t copy_to(std::span<const iovec> buffers, std::uint64_t offset,
                    std::span<const std::byte> in) {
  return for_each_piece(buffers, offset, in.size(),
                        [&](std::byte* host, std::size_t at, std::size_t count) {
                          std::memcpy(host, in.data() + at, count);
                        });
}

bool store(std::span<const iovec> buffers, std::uint64_t offset, std::span<const std::byte> in,
           memory::ForeignWriter* writer) {
  if (writer == nullptr) {
    copy_to(buffers, offset, in);
    return true;
  }
  bool whole = true;
  for_each_piece(buffers, offset, in.size(),
                 [&](std::byte* host, std::size_t at, std::size_t count) {
                   // RAM may be written this way too.
                   whole = whole && writer->write(host, in.subspan(at, count));
                 });
  return whole;
}

std::span<iovec> drop_front(std::span<iovec> buffers, std::uint64_t count) {
  while (!buffers.empty() && count >= buffers.front().iov_len) {
    count -= buffers.front().iov_len;
    buffers = buffers.subspan(1);
  }
  if (!buffers.empty()) {
    iovec& first = buffers.front();
    first.iov_base = static_cast<std::byte*>(first.iov_base) + count;
    first.iov_len -= count;
  }
  return buffers;
}

std::span<iovec> drop_back(std::span<iovec> buffers, std::uint64_t count) {
  while (!buffers.empty() && count >= buffers.back().iov_len) {
    count -= buffers.back().iov_len;
    buffers = buffers.first(buffers.size() - 1);
  }
  if (!buffers.empty()) buffers.back().iov_len -= count;
  return buffers;
}

}  // namespace hive::device
