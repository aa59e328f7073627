#include "vmm/device/global/doorbells.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

namespace hive::device {
namespace {

/// Signals EVENT_FD unless it is full, and so signalled already.
void signal(int event_fd) {
  pollfd room{event_fd, POLLOUT, 0};
  if (::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
    (void)!::eventfd_write(event_fd, 1);
  }
}

}  // namespace

GlobalDoorbells::GlobalDoorbells(std::vector<std::vector<UniqueFd>> events,
                                 DoorbellController& controller)
    : events_(std::move(events)), controller_(controller) {}

GlobalDoorbells::~GlobalDoorbells() { move(std::nullopt); }

int GlobalDoorbells::find(std::uint32_t value) const {
  const std::uint32_t cell = value >> 16;
  const std::uint32_t vector = value & 0xffff;
  if (cell >= events_.size() || vector >= events_[cell].size()) return -1;
  return events_[cell][vector].get();
}

void GlobalDoorbells::ring(std::uint32_t value) {
  const int event_fd = find(value);
  if (event_fd < 0) return;
  signal(event_fd);
  const bool known =
      std::any_of(attached_.begin(), attached_.end(),
                  [value](const Attached& attached) { return attached.value == value; });
  if (address_ && !known && controller_.attach_value(*address_, value, event_fd)) {
    attached_.push_back({value, event_fd});
  }
}

void GlobalDoorbells::move(std::optional<memory::GuestAddress> address) {
  for (const Attached& each : attached_) {
    controller_.detach_value(*address_, each.value, each.event_fd);
  }
  attached_.clear();
  address_ = address;
}

}  // namespace hive::device
