// Requests about global memory: the guest's to other homes, and everybody's to this one.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "cellmon/control/global_memory.h"

namespace hive::control {
namespace {

/// Requests that a monitor remembers of another one, and of its own, to take them back.
constexpr std::size_t kMostAbandoned = 64;
/// How often a section that is on its way is tried to be taken back.
constexpr std::chrono::milliseconds kUndoPeriod{100};

}  // namespace

void GlobalMemory::take_request(const hive_global_request& request) {
  if (pending_) return;  // A VMM forwards one at a time.
  if (request.home == HIVE_GLOBAL_ANY_HOME && request.operation == HIVE_GLOBAL_SECTION_CREATE) {
    return place(request);
  }
  if (request.home < peers_.size() && sizes_[request.home] == 0 &&
      request.operation == HIVE_GLOBAL_CELL) {
    return finish_request(firewall::describe_cell(request, names_[request.home], 0));
  }
  if (request.home >= peers_.size() || sizes_[request.home] == 0) {
    return finish_request(firewall::refuse_request(
        request, HIVE_GLOBAL_NO_SUCH_CELL,
        fmt::format("cell {} contributes no memory, or there is none", request.home)));
  }
  if (request.operation == HIVE_GLOBAL_SECTION_USED) return finish_request(note_use(request));
  if (request.home == own_) {
    return finish_request(answer(static_cast<CellId>(own_), request));
  }
  ask(request);
}

hive_global_reply GlobalMemory::note_use(const hive_global_request& request) const {
  if (request.section == 0) {
    return firewall::refuse_request(request, HIVE_GLOBAL_NO_SUCH_SECTION,
                                    "section 0 is none; name the section that was used");
  }
  if (on_used_) on_used_(static_cast<CellId>(request.home), request.section, request.pages);
  hive_global_reply reply{};
  reply.tag = request.tag;
  reply.home = request.home;
  reply.section = request.section;
  return reply;
}

void GlobalMemory::place(const hive_global_request& request) {
  const auto advised = advised_home_ ? advised_home_() : std::nullopt;
  const unsigned home = advised ? static_cast<unsigned>(*advised) : own_;
  if (home == own_ || home >= peers_.size() || sizes_[home] == 0) {
    return create_here(request, "no other home is advised");
  }
  hive_global_request there = request;
  there.home = home;
  ask(there, /*is_placed=*/true);
}

void GlobalMemory::create_here(hive_global_request request, const std::string& why_not_there) {
  request.home = own_;
  if (!gatekeeper_) {
    return finish_request(firewall::refuse_request(
        request, HIVE_GLOBAL_NO_SPACE,
        fmt::format("{}, and cell {} contributes no memory; name a home that has some",
                    why_not_there, names_[own_])));
  }
  finish_request(answer(static_cast<CellId>(own_), request));
}

void GlobalMemory::ask(const hive_global_request& request, bool is_placed) {
  pending_ = Pending{++last_sequence_, request.home, request, is_placed};
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

void GlobalMemory::take_reply(CellId cell, const mesh::Reply& reply) {
  const auto home = static_cast<unsigned>(cell);
  // It has heard all that was said before this was asked.
  std::erase_if(abandoned_, [&](const auto& each) {
    return each.second == home && each.first < reply.sequence;
  });
  if (!pending_ || pending_->sequence != reply.sequence || pending_->home != home) return;
  if (!pending_->is_placed) return finish_request(reply.reply);
  if (reply.reply.status == HIVE_GLOBAL_OK) {
    ++placed_;
    return finish_request(reply.reply);
  }
  const Pending placed = *std::exchange(pending_, std::nullopt);
  log_.info("{} does not make the section that its guest wants placed: {}", names_[home],
            std::string_view(reply.reply.message,
                             ::strnlen(reply.reply.message, sizeof reply.reply.message)));
  create_here(placed.request, fmt::format("cell {} refuses it", names_[home]));
}

void GlobalMemory::abandon_request() {
  reply_limit_.disarm();
  if (!pending_) return;
  const Pending over = *std::exchange(pending_, std::nullopt);
  if (over.request.operation != HIVE_GLOBAL_SECTION_CREATE) return;
  if (abandoned_.size() >= kMostAbandoned) abandoned_.erase(abandoned_.begin());
  abandoned_.emplace(over.sequence, over.home);
  (void)siblings_.send(static_cast<CellId>(over.home),
                       mesh::Undo{mesh::Kind::kUndo, over.sequence});
}

void GlobalMemory::undo_abandoned(unsigned home, bool is_later) {
  if (is_later) {  // It has nothing of what an earlier one was asked for.
    std::erase_if(abandoned_, [home](const auto& each) { return each.second == home; });
  }
  for (const auto& [sequence, of] : abandoned_) {
    if (of != home) continue;
    (void)siblings_.send(static_cast<CellId>(home), mesh::Undo{mesh::Kind::kUndo, sequence});
  }
}

void GlobalMemory::serve(CellId from, const mesh::Request& asked) {
  const hive_global_reply reply =
      desk_ ? answer(from, asked.request)
            : firewall::refuse_request(asked.request, HIVE_GLOBAL_NO_SUCH_CELL,
                                       "cell " + names_[own_] + " contributes no memory");
  if (asked.request.operation == HIVE_GLOBAL_SECTION_CREATE && reply.status == HIVE_GLOBAL_OK) {
    auto& made = peers_[static_cast<std::size_t>(from)].made;
    if (made.size() >= kMostAbandoned) made.erase(made.begin());
    made.emplace(asked.sequence, reply.section);
  }
  (void)siblings_.send(from, mesh::Reply{mesh::Kind::kReply, asked.sequence, reply});
}

void GlobalMemory::undo(CellId from, std::uint32_t sequence) {
  const auto section = peers_[static_cast<std::size_t>(from)].made.extract(sequence);
  if (section.empty() || end_unwanted(from, section.mapped())) return;
  unwanted_.emplace_back(from, section.mapped());
  end_all_unwanted();
}

bool GlobalMemory::end_unwanted(CellId creator, std::uint32_t number) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_DESTROY;
  request.flags = HIVE_GLOBAL_FORCE;
  request.home = own_;
  request.section = number;
  // It may have ended since, or have left: then it is its new home's and its creator's.
  return desk_->answer(creator, request).status != HIVE_GLOBAL_MOVING;
}

void GlobalMemory::end_all_unwanted() {
  std::erase_if(unwanted_,
                [this](const auto& each) { return end_unwanted(each.first, each.second); });
  if (!unwanted_.empty()) end_again_.arm(kUndoPeriod, [this] { end_all_unwanted(); });
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
  // What is decided now the next incarnation would not keep.
  if (incarnation_ == 0 && static_cast<unsigned>(from) != own_ &&
      firewall::RequestDesk::is_decision(request.operation)) {
    return firewall::refuse_request(
        request, HIVE_GLOBAL_HOME_GONE,
        fmt::format("no guest of cell {} runs now; ask again once it has started", names_[own_]));
  }
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
  const Pending given_up = *pending_;
  abandon_request();
  if (given_up.is_placed) return create_here(given_up.request, why);
  finish_request(firewall::refuse_request(given_up.request, HIVE_GLOBAL_HOME_GONE, why));
}

}  // namespace hive::control
