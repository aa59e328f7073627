#include "cellmon/control/siblings.h"

#include <fmt/format.h>

#include <utility>

#include "cellmon/control/monitor_names.h"

namespace hive::control {

const char* to_string(Siblings::State state) {
  switch (state) {
    case Siblings::State::kAwaited:
      return "awaited";
    case Siblings::State::kJoined:
      return "joined";
    case Siblings::State::kLost:
      break;
  }
  return "lost";
}

Siblings::Siblings(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own,
                   spdlog::logger& log)
    : own_(own),
      cells_(machine.cells.size()),
      names_(monitor_names(machine)),
      states_(names_.size(), State::kAwaited),
      cut_off_(names_.size(), false),
      mesh_(loop, mesh::MeshSettings{machine.name, names_, own}, mesh_handlers(), log),
      join_limit_(loop) {
  states_[own_] = State::kJoined;
}

void Siblings::start(std::uint64_t contribution, std::vector<int> files, agree::Life life) {
  life_ = life;
  mesh::Hello hello;
  hello.cell = own_;
  hello.cells = static_cast<std::uint32_t>(names_.size());
  hello.contribution = contribution;
  hello.life = life;
  mesh_.start(hello, std::move(files));
}

mesh::Mesh::Handlers Siblings::mesh_handlers() {
  mesh::Mesh::Handlers handlers;
  handlers.on_joined = [this](CellId cell, const mesh::Hello& hello, std::vector<UniqueFd> files) {
    return take_peer(cell, hello, std::move(files));
  };
  handlers.on_packet = [this](CellId cell, const mesh::Packet& packet,
                              std::vector<UniqueFd> files) {
    for (SiblingsPart* part : parts_) {
      if (concerns(*part, cell)) part->on_packet(cell, packet, files);
    }
    check_ready();
  };
  handlers.on_lost = [this](CellId cell) {
    states_[static_cast<std::size_t>(cell)] = State::kLost;
    for (SiblingsPart* part : parts_) {
      if (concerns(*part, cell)) part->on_lost(cell);
    }
    check_ready();
  };
  return handlers;
}

bool Siblings::take_peer(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd> files) {
  for (SiblingsPart* part : parts_) {
    if (concerns(*part, cell) && !part->on_joined(cell, hello, files)) return false;
  }
  if (!files.empty()) return false;
  states_[static_cast<std::size_t>(cell)] = State::kJoined;
  if (has_told_start_) (void)send(cell, mesh::Up{mesh::Kind::kUp, incarnation_});
  check_ready();
  return true;
}

bool Siblings::is_missing(CellId cell) const {
  if (static_cast<unsigned>(cell) == own_ || state(cell) == State::kLost) return false;
  if (cut_off_[static_cast<std::size_t>(cell)]) return false;
  if (state(cell) == State::kAwaited) return true;
  for (const SiblingsPart* part : parts_) {
    if (concerns(*part, cell) && !part->has_all_of(cell)) return true;
  }
  return false;
}

std::string Siblings::missing() const {
  std::string cells;
  for (std::size_t cell = 0; cell < names_.size(); ++cell) {
    if (!is_missing(static_cast<CellId>(cell))) continue;
    cells += (cells.empty() ? "" : ", ") + names_[cell];
  }
  return cells;
}

void Siblings::await(OnReady on_ready) {
  on_ready_ = std::move(on_ready);
  join_limit_.expires_after(missing().empty() ? std::chrono::milliseconds(0) : kJoinLimit);
  join_limit_.async_wait([this](const auto& error) {
    if (error) return;
    const std::string cells = missing();
    if (const OnReady tell = std::exchange(on_ready_, nullptr)) {
      tell(cells.empty() ? ""
                         : fmt::format("the monitors of {} have not joined within {} s; see their "
                                       "logs, and start the machine anew with 'hive up'",
                                       cells, kJoinLimit.count() / 1000));
    }
  });
}

void Siblings::check_ready() {
  if (on_ready_ && missing().empty()) await(std::exchange(on_ready_, nullptr));
}

template <typename Call>
void Siblings::for_each_sibling(Call call) {
  for (std::size_t cell = 0; cell < names_.size(); ++cell) {
    if (cell != own_) call(static_cast<CellId>(cell));
  }
}

bool Siblings::has_any() const {
  for (std::size_t cell = 0; cell < names_.size(); ++cell) {
    if (cell != own_ && states_[cell] == State::kJoined) return true;
  }
  return false;
}

void Siblings::cut_off(CellId cell) {
  cut_off_[static_cast<std::size_t>(cell)] = true;
  for (SiblingsPart* part : parts_) {
    if (concerns(*part, cell)) part->on_cut_off(cell);
  }
  check_ready();
}

void Siblings::admit(CellId cell) {
  cut_off_[static_cast<std::size_t>(cell)] = false;
  for (SiblingsPart* part : parts_) {
    if (concerns(*part, cell)) part->on_admitted(cell);
  }
}

void Siblings::tell_start() {
  if (incarnation_ == 0 || std::exchange(has_told_start_, true)) return;
  for_each_sibling([&](CellId cell) { (void)send(cell, mesh::Up{mesh::Kind::kUp, incarnation_}); });
}

void Siblings::tell_end() {
  const Incarnation incarnation = std::exchange(incarnation_, 0);
  has_told_start_ = false;
  if (incarnation == 0) return;
  for_each_sibling([&](CellId cell) {
    (void)send(cell, mesh::Leave{mesh::Kind::kLeave, incarnation});
  });
}

}  // namespace hive::control
