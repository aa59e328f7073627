#include "cellmon/control/vmm_link.h"

#include <utility>
#include <vector>

namespace hive::control {

VmmLink::VmmLink(boost::asio::io_context& loop, UniqueFd fd, Handlers handlers)
    : handlers_(std::move(handlers)),
      socket_(
          loop, std::move(fd), cell::kMaxMessage,
          {.on_packet = [this](std::string_view packet, std::vector<UniqueFd>) { take(packet); },
           .on_overlong = [this] { handlers_.on_malformed(); },
           .on_closed = [] {}}) {}  // What follows from the end, the VMM's exit tells.

void VmmLink::take(std::string_view packet) {
  const auto report = cell::parse_report(packet);
  // Either may destroy this object.
  if (report) {
    const auto on_report = handlers_.on_report;
    on_report(*report);
  } else {
    const auto on_malformed = handlers_.on_malformed;
    on_malformed();
  }
}

}  // namespace hive::control
