#include "vmm/cell/device_writes.h"

#include <sched.h>
#include <spdlog/spdlog.h>

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

std::byte* DeviceWrites::shown(std::byte* target, std::size_t length) {
  if (!window_.is_closed({offset_of(target), length})) return target;
  return length <= window_.ones().size() ? window_.ones().base() : nullptr;
}

bool DeviceWrites::write(std::byte* target, std::span<const std::byte> bytes) {
  if (window_.ones().contains(target)) {
    sink_(violation_of_closed(-1, 0));
    return false;
  }
  const auto offset = offset_of(target);
  if (window_.is_closed({offset, bytes.size()})) {
    sink_(violation_at(window_, offset, -1, 0));
    return false;
  }
  const auto now = Clock::now();
  const auto limit = gave_up_ && now - *gave_up_ < kMemory ? kShortPatience : kPatience;
  deadline_ = now + limit;
  denials_.limit({offset, bytes.size()}, limit);
  const bool done = write_pieces(target, bytes);
  denials_.end_limit();
  return done;
}

bool DeviceWrites::write_pieces(std::byte* target, std::span<const std::byte> bytes) {
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
      sink_(violation_at(window_, *denied, -1, 0));
      return false;
    }
    if (Clock::now() >= deadline_) {
      give_up(target);
      return false;
    }
    ::sched_yield();  // Another thread's write there is being stopped.
  }
  return true;
}

void DeviceWrites::give_up(const std::byte* target) {
  denials_.excuse();
  gave_up_ = Clock::now();
  if (logged_++ >= kMaxLogged) return;
  const auto place = violation_at(window_, offset_of(target), -1, 0);
  spdlog::warn(
      "write firewall: gave up a device's write to {:#x} of home {}: its monitor does not "
      "answer",
      place.offset, place.home);
}

}  // namespace hive::cell
