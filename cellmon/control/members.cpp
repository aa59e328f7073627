#include "cellmon/control/members.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "cellmon/control/file_kinds.h"
#include "vmm/base/monotonic.h"
#include "vmm/base/watch.h"

namespace hive::control {
namespace {

using agree::kNever;
using agree::Time;
using boost::asio::posix::stream_descriptor;

constexpr Time kHeartbeat = member::MemberSettings().heartbeat;
static_assert(sizeof(agree::State) <= mesh::Agree::kMaxBytes);
static_assert(sizeof(mesh::Recover::message) == recover::kMessageSize);

member::MemberSettings settings_of(const Siblings& siblings, agree::Life life) {
  member::MemberSettings settings;
  settings.self = static_cast<CellId>(siblings.own());
  settings.names = siblings.names();
  for (std::size_t index = 0; index < settings.names.size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (siblings.is_witness(cell)) settings.witnesses.insert(cell);
  }
  settings.life = life;
  return settings;
}

}  // namespace

Members::Members(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
                 agree::Life life, GlobalMemory* memory, Handlers handlers, spdlog::logger& log)
    : loop_(loop),
      siblings_(siblings),
      handlers_(std::move(handlers)),
      log_(log),
      page_(static_cast<CellId>(siblings.own())),
      membership_(settings_of(siblings, life), *this),
      recoverer_(machine, membership_, memory, recovery_hooks()),
      timer_(loop),
      beat_timer_(loop) {
  for (const plan::Cell& cell : machine.cells) {
    if (cell.on_failure == plan::OnFailure::kStopMachine) stoppers_.insert(cell.id);
  }
  siblings_.add(*this);
}

Members::~Members() = default;

void Members::start() {
  next_beat_ = monotonic_now();
  beat();
}

bool Members::on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) {
  if (!files.empty() && !member::PeerPage::is_page(files.front().get())) return false;
  try {
    if (!files.empty()) {
      pages_[cell] = std::make_unique<member::PeerPage>(files.front().get(), cell);
      UniqueFd& file = page_files_[cell];
      const bool is_other = !file || !is_same_file(file, files.front());
      file = std::move(files.front());
      if (is_other && !siblings_.is_witness(cell)) ++page_generation_;
      files.erase(files.begin());
    }
    watch_process(cell);
  } catch (const std::exception& error) {
    log_.error("the monitor of {} cannot be watched: {}",
               siblings_.names()[static_cast<std::size_t>(cell)], error.what());
    return false;
  }
  // By way of the loop: what it has to say goes after what the other parts say first.
  later([this, cell, life = hello.life] {
    if (siblings_.state(cell) != Siblings::State::kJoined) return;
    if (std::exchange(lives_[cell], life) != life) recoverer_.monitor_started(cell);
    membership_.link_up(cell, life, monotonic_now());
  });
  return true;
}

/// The process at the link to CELL: what it sent counts, then that it has ended.
void Members::watch_process(CellId cell) {
  processes_.erase(cell);
  ended_.erase(cell);
  UniqueFd process = siblings_.open_process(cell);
  if (!process) return;
  auto& watched = processes_.emplace(cell, watch(loop_, std::move(process))).first->second;
  watched.async_wait(stream_descriptor::wait_read, [this, cell](const auto& error) {
    if (error) return;
    ended_.insert(cell);
    siblings_.drain(cell);
    membership_.process_ended(cell, monotonic_now());
    recoverer_.monitor_ended(cell);
  });
}

void Members::on_lost(CellId cell) {
  pages_.erase(cell);
  membership_.link_lost(cell, monotonic_now());
}

void Members::on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& /*files*/) {
  if (const auto* agree = std::get_if<mesh::Agree>(&packet)) {
    const auto message = agree::parse_message(agree->message());
    if (message) return membership_.receive(cell, *message, monotonic_now());
    log_.warn("the monitor of {} sent what is no message of agreement",
              siblings_.names()[static_cast<std::size_t>(cell)]);
  } else if (const auto* probe = std::get_if<mesh::Probe>(&packet)) {
    mesh::Findings findings;
    findings.number = probe->number;
    findings.evidence = membership_.findings().bits();
    (void)siblings_.send(cell, findings);
  } else if (const auto* findings = std::get_if<mesh::Findings>(&packet)) {
    membership_.answered(cell, findings->number, agree::EvidenceSet(findings->evidence),
                         monotonic_now());
  } else if (std::holds_alternative<mesh::Down>(packet)) {
    recoverer_.retire(cell);
  } else if (const auto* stop = std::get_if<mesh::StopMachine>(&packet)) {
    if (!stoppers_.contains(static_cast<CellId>(stop->cell))) {
      log_.warn("the monitor of {} wants the machine to stop for a cell that does not ask for that",
                siblings_.names()[static_cast<std::size_t>(cell)]);
      return;
    }
    later([this, failed = static_cast<CellId>(stop->cell)] { handlers_.stop_machine(failed); });
  } else if (const auto* recover = std::get_if<mesh::Recover>(&packet)) {
    const auto message = recover::decode(recover->message);
    if (message) return recoverer_.receive(cell, *message);
    log_.warn("the monitor of {} sent what is no message of recovery",
              siblings_.names()[static_cast<std::size_t>(cell)]);
  }
}

template <typename Struct>
void Members::tell_all(const Struct& packet) {
  for (std::size_t index = 0; index < siblings_.names().size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (index != siblings_.own()) (void)siblings_.send(cell, packet);
  }
}

void Members::replace(CellId cell) {
  if (going_down_) return;  // It would outlive the machine.
  const auto process = processes_.find(cell);
  const bool is_known = process != processes_.end();
  const bool has_ended = is_known && ended_.contains(cell);
  handlers_.replace(cell, is_known ? process->second.native_handle() : -1, has_ended);
}

void Members::not_replaced(CellId cell) {
  // Another one may have been quicker.
  if (siblings_.state(cell) != Siblings::State::kJoined) recoverer_.monitor_ended(cell);
}

void Members::go_down() {
  going_down_ = true;
  membership_.go_down();
  tell_all(mesh::Down{});
}

void Members::stop_machine(CellId cell) {
  tell_all(mesh::StopMachine{mesh::Kind::kStopMachine, static_cast<std::uint32_t>(cell)});
  later([this, cell] { handlers_.stop_machine(cell); });
}

void Members::set_incarnation(Incarnation incarnation) {
  page_.set_incarnation(incarnation);
  recoverer_.set_running(incarnation != 0);
}

void Members::set_own_evidence(agree::EvidenceSet evidence) {
  membership_.set_own_evidence(evidence, monotonic_now());
}

void Members::suspended() { membership_.suspended(monotonic_now()); }

void Members::accuse(CellId suspect, agree::EvidenceSet evidence) {
  membership_.accuse(suspect, evidence, monotonic_now());
}

void Members::doubt(CellId suspect, agree::EvidenceSet evidence) {
  membership_.doubt(suspect, evidence, monotonic_now());
}

bool Members::may_accuse(CellId suspect) const {
  return membership_.is_member() && view().members.contains(suspect) && view().members.size() > 2;
}

void Members::freeze_heartbeat(std::optional<std::chrono::milliseconds> duration) {
  using std::chrono::nanoseconds;
  frozen_until_ =
      duration ? monotonic_now() + static_cast<Time>(nanoseconds(*duration).count()) : kNever;
}

void Members::join() {
  if (!membership_.is_member()) membership_.join(monotonic_now());
}

void Members::send(CellId to, const agree::Message& message) {
  (void)siblings_.send(to, mesh::Agree::of(agree::as_bytes(message)));
}

void Members::ask(CellId suspect, std::uint32_t number) {
  (void)siblings_.send(suspect, mesh::Probe{mesh::Kind::kProbe, number});
}

Recoverer::Hooks Members::recovery_hooks() {
  Recoverer::Hooks hooks;
  hooks.send = [this](CellId to, const recover::Message& message) {
    mesh::Recover packet;
    packet.message = recover::encode(message);
    (void)siblings_.send(to, packet);
  };
  hooks.cut_off = [this](agree::CellSet cells) { cut_off(cells); };
  hooks.admit = [this] { admit(); };
  hooks.give_up = [this](const std::string& why) { handlers_.give_up(why); };
  hooks.doubt = [this](CellId cell) {
    membership_.doubt(cell, agree::Evidence::kNoAnswer, monotonic_now());
  };
  hooks.start_anew = [this] { later([this] { handlers_.start_anew(); }); };
  hooks.replace = [this](CellId cell) { later([this, cell] { replace(cell); }); };
  hooks.stop_machine = [this](CellId cell) { stop_machine(cell); };
  hooks.tell = handlers_.tell;
  hooks.end_guest = [this] { handlers_.left(); };
  hooks.now = [] { return monotonic_now(); };
  hooks.changed = [this] { changed(); };
  return hooks;
}

void Members::follow_view() {
  if (membership_.is_member()) cut_off(cells_out());
  recoverer_.follow();
  if (membership_.is_recovering() && !recoverer_.holds_guest())
    membership_.recovered(monotonic_now());
}

agree::CellSet Members::cells_out() const {
  agree::CellSet out;
  for (std::size_t index = 0; index < siblings_.names().size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (!view().members.contains(cell)) out.insert(cell);
  }
  return out;
}

void Members::cut_off(agree::CellSet cells) {
  const agree::CellSet before = std::exchange(out_, out_ | cells);
  (out_ - before).for_each([&](CellId cell) { siblings_.cut_off(cell); });
}

void Members::admit() {
  const agree::CellSet before = std::exchange(out_, out_ & cells_out());
  (before - out_).for_each([&](CellId cell) { siblings_.admit(cell); });
}

void Members::tell(const std::string& kind, const std::string& detail) {
  handlers_.tell(kind, detail);
}

void Members::changed() {
  page_.set_epoch(membership_.view().epoch);
  if (std::exchange(has_news_, true)) return;
  later([this] {
    has_news_ = false;
    follow_view();
    arm();
    handlers_.changed();
  });
}

void Members::later(std::function<void()> task) {
  boost::asio::post(loop_, [task = std::move(task), alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) task();
  });
}

void Members::arm() {
  const Time deadline = std::min(membership_.deadline(), recoverer_.deadline());
  if (deadline == armed_) return;
  armed_ = deadline;
  if (deadline == agree::kNever) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(time_point_of(deadline));
  // Once it has expired, its handler comes however soon this object ends.
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const auto& error) {
    if (error || alive.expired()) return;
    armed_ = agree::kNever;
    membership_.tick(monotonic_now());
    recoverer_.tick();
  });
}

void Members::beat() {
  const Time time = monotonic_now();
  const Time late = time - std::min(time, next_beat_);
  beat_delays_.record(late);
  if (time >= frozen_until_) page_.beat();
  for (const auto& [cell, page] : pages_) membership_.observe(cell, page->read(), late, time);
  next_beat_ = time + kHeartbeat;
  beat_timer_.expires_at(time_point_of(next_beat_));
  beat_timer_.async_wait([this, alive = std::weak_ptr(alive_)](const auto& error) {
    if (!error && !alive.expired()) beat();
  });
}

std::vector<int> Members::page_files() const {
  std::vector<int> files(siblings_.cell_names().size(), -1);
  for (const auto& [cell, file] : page_files_) {
    if (!siblings_.is_witness(cell)) files[static_cast<std::size_t>(cell)] = file.get();
  }
  files.at(siblings_.own()) = page_.file();
  return files;
}

std::optional<StateReading> Members::read_page(CellId cell) const {
  const auto page = pages_.find(cell);
  return page == pages_.end() ? std::nullopt : page->second->read();
}

wire::ViewStatus Members::status() const {
  wire::ViewStatus status;
  const agree::View& view = membership_.view();
  const auto& names = siblings_.names();
  status.epoch = view.epoch;
  status.member = membership_.is_member();
  status.suspended = membership_.is_suspending();
  const Time time = monotonic_now();
  for (std::size_t index = 0; index < names.size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (view.members.contains(cell)) {
      status.members.push_back({names[index], view.incarnations[index]});
    }
    if (membership_.suspects().contains(cell)) status.suspects.push_back(names[index]);
    if (membership_.watched().contains(cell)) {
      status.watched.push_back({names[index], membership_.suspicion(cell, time)});
    }
  }
  return status;
}

}  // namespace hive::control
