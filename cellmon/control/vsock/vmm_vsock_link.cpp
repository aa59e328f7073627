#include "cellmon/control/vsock/vmm_vsock_link.h"

#include <cstring>
#include <utility>

namespace hive::control {
namespace {

using cell::VsockMessage;

constexpr std::size_t kMaxPacket = 256;
static_assert(sizeof(cell::VsockCount) <= kMaxPacket);

/// Hands HANDLER the STRUCT that BYTES are. False when they are none.
template <typename Struct, typename Handler>
bool hand_over(std::string_view bytes, const Handler& handler) {
  if (bytes.size() != sizeof(Struct)) return false;
  Struct packet;
  std::memcpy(&packet, bytes.data(), sizeof packet);
  handler(packet);
  return true;
}

}  // namespace

VmmVsockLink::VmmVsockLink(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers)
    : handlers_(std::move(handlers)),
      socket_(
          loop, std::move(fd), kMaxPacket,
          {[this](std::string_view bytes, const std::vector<UniqueFd>& /*files*/) { take(bytes); },
           handlers_.on_malformed}),
      retry_(loop) {}

void VmmVsockLink::take(std::string_view bytes) {
  VsockMessage message{};
  bool taken = false;
  if (bytes.size() >= sizeof message) std::memcpy(&message, bytes.data(), sizeof message);
  if (message == VsockMessage::kHostOpen) {
    taken = hand_over<cell::VsockHostOpen>(bytes, handlers_.on_host_open);
  } else if (message == VsockMessage::kCounters) {
    taken = hand_over<cell::VsockCount>(bytes, handlers_.on_count);
  } else if (message == VsockMessage::kGuestCounters) {
    taken = hand_over<cell::VsockGuestCount>(bytes, handlers_.on_guest_count);
  }
  if (!taken) handlers_.on_malformed();
}

void VmmVsockLink::tell(unsigned cell, const RingRoutes::Life& life) {
  wanted_[cell] = life;
  catch_up();
}

void VmmVsockLink::catch_up() {
  bool all = true;
  for (const auto& [cell, wanted] : wanted_) {
    all = tell_now(cell, known_[cell], wanted) && all;
  }
  if (all) return;
  retry_.arm(kRetry, [this] { catch_up(); });
}

bool VmmVsockLink::tell_now(unsigned cell, RingRoutes::Life& known,
                            const RingRoutes::Life& wanted) {
  if (known == wanted) return true;
  if (known.up && !send(cell::VsockPeerState{VsockMessage::kPeerDown, cell, known.incarnation})) {
    return false;
  }
  known.up = false;
  if (wanted.up && !send(cell::VsockPeerState{VsockMessage::kPeerUp, cell, wanted.incarnation})) {
    return false;
  }
  known = wanted;
  return true;
}

}  // namespace hive::control
