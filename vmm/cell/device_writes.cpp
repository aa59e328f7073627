#include "vmm/cell/device_writes.h"

#include <sched.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace hive::cell {

DeviceWrites::DeviceWrites(boost::asio::io_context& loop, memory::GlobalWindow& window,
                           Denials& denials, Sink sink)
    : loop_(loop), window_(window), denials_(denials), sink_(std::move(sink)) {}

DeviceWrites::~DeviceWrites() {
  if (started_) denials_.leave();
}

void DeviceWrites::start() {
  // A denial that came too late is asked about while this thread does something else.
  denials_.enrol([this] { boost::asio::post(loop_, [this] { denials_.excuse(); }); });
  started_ = true;
}

bool DeviceWrites::write(std::byte* target, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), memory::BounceFile::kMaxWrite);
    if (!write_piece(target, bytes.first(count))) return false;
    target += count;
    bytes = bytes.subspan(count);
  }
  return true;
}

bool DeviceWrites::write_piece(std::byte* target, std::span<const std::byte> bytes) {
  while (!bounce_.write(target, bytes)) {
    if (const auto denied = denials_.claim(-1, 0)) {
      const auto home = static_cast<unsigned>(window_.home_of(*denied));
      sink_({home, *denied - window_.contributions()[home].start, -1, 0});
      return false;
    }
    ::sched_yield();  // Another thread's write there is being stopped.
  }
  return true;
}

}  // namespace hive::cell
