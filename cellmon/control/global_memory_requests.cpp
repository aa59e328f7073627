// Requests about global memory: the guest's to other homes, and everybody's to this one.
#include <fmt/format.h>

#include <string>

#include "cellmon/control/global_memory.h"

namespace hive::control {

void GlobalMemory::take_request(const hive_global_request& request) {
  if (pending_) return;  // A VMM forwards one at a time.
  if (request.home < peers_.size() && sizes_[request.home] == 0 &&
      request.operation == HIVE_GLOBAL_CELL) {
    return finish_request(firewall::describe_cell(request, names_[request.home], 0));
  }
  if (request.home >= peers_.size() || sizes_[request.home] == 0) {
    return finish_request(firewall::refuse_request(
        request, HIVE_GLOBAL_NO_SUCH_CELL,
        fmt::format("cell {} contributes no memory, or there is none", request.home)));
  }
  if (request.home == own_) {
    return finish_request(answer(static_cast<CellId>(own_), request));
  }
  ask(request);
}

void GlobalMemory::ask(const hive_global_request& request) {
  pending_ = Pending{++last_sequence_, request.home, request};
  const std::string& name = names_[request.home];
  if (peers_[request.home].cut_off) {
    return give_up_request(request.home, "cell " + name + " has failed");
  }
  if (!siblings_.send(static_cast<CellId>(request.home),
                      mesh::Request{mesh::Kind::kRequest, pending_->sequence, request})) {
    return give_up_request(request.home, "the monitor of cell " + name + " is gone");
  }
  reply_limit_.arm(kReplyLimit, [this, home = request.home] {
    give_up_request(home, fmt::format("the monitor of cell {} has not answered in {} ms",
                                      names_[home], kReplyLimit.count()));
  });
}

void GlobalMemory::finish_request(const hive_global_reply& reply) {
  pending_.reset();
  reply_limit_.disarm();
  if (link_) (void)link_->send(wire::as_packet(reply));
}

hive_global_reply GlobalMemory::decide(hive_global_request request) {
  request.home = own_;
  return answer(static_cast<CellId>(own_), request);
}

hive_global_reply GlobalMemory::answer(CellId from, const hive_global_request& request) {
  const bool grants = request.operation == HIVE_GLOBAL_GRANT && request.cell < peers_.size();
  const std::size_t cell = grants ? request.cell : static_cast<std::size_t>(from);
  if (!peers_[cell].cut_off && !peers_[static_cast<std::size_t>(from)].cut_off) {
    return desk_->answer(from, request);
  }
  return firewall::refuse_request(
      request, HIVE_GLOBAL_NO_SUCH_CELL,
      fmt::format("cell {} has failed, as the others agreed, and is not back yet", names_[cell]));
}

void GlobalMemory::give_up_request(unsigned home, const std::string& why) {
  if (!pending_ || pending_->home != home) return;
  finish_request(firewall::refuse_request(pending_->request, HIVE_GLOBAL_HOME_GONE, why));
}

}  // namespace hive::control
