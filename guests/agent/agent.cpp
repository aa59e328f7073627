#include "guests/agent/agent.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "guests/abi/agent_protocol.h"
#include "guests/agent/cells_file.h"
#include "guests/agent/exec_request.h"
#include "vmm/base/error.h"

namespace hive::agent {

Agent::Agent(int port, const std::string& hello, Power power, TakeCells take_cells,
             ReadLoad read_load, Faults faults)
    : port_(port),
      power_(std::move(power)),
      take_cells_(std::move(take_cells)),
      read_load_(std::move(read_load)),
      faults_(std::move(faults)),
      out_(port) {
  out_.send(HIVE_AGENT_HELLO, 0, hello);
}

void Agent::run() {
  while (!over_) step();
}

void Agent::step() {
  sessions_.remove_if([](Session& session) { return session.advance(); });
  if (writer_ && writer_->is_over()) writer_.reset();
  if (!out_.flush()) {
    over_ = true;
    return;
  }
  PollSet set;
  // Answers queue up behind a monitor that does not read: then take no more requests either.
  const bool listen = out_.has_room();
  const auto events = static_cast<short>((listen ? POLLIN : 0) | (out_.pending() ? POLLOUT : 0));
  set.add(port_, events, [this, listen](short ready) {
    if (listen && (ready & POLLIN) != 0) {
      read_port();
    } else if ((ready & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      over_ = true;
    }
  });
  for (Session& session : sessions_) session.watch(set);
  if (writer_) writer_->watch(set);
  set.wait(-1);
}

void Agent::read_port() {
  std::array<char, HIVE_AGENT_MAX_PAYLOAD> buffer;
  const ssize_t count = ::read(port_, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    over_ = true;
    return;
  }
  decoder_.feed({buffer.data(), static_cast<std::size_t>(count)});
  while (!over_) {
    const std::optional<abi::AgentFrame> frame = decoder_.next();
    if (!frame) break;
    handle(*frame);
  }
  over_ = over_ || decoder_.broken();
}

void Agent::handle(const abi::AgentFrame& frame) {
  switch (frame.type) {
    case HIVE_AGENT_EXEC:
      start(frame);
      break;
    case HIVE_AGENT_PING:
      out_.send(HIVE_AGENT_PONG, 0, frame.payload);
      break;
    case HIVE_AGENT_POWEROFF:
      power_.off();
      break;
    case HIVE_AGENT_CELLS:
      if (is_list_of_cells(frame.payload)) take_cells_(frame.payload);
      break;
    case HIVE_AGENT_REBOOT:
      power_.reboot();
      break;
    case HIVE_AGENT_ASK_LOAD:
      tell_load();
      break;
    case HIVE_AGENT_LOCATE:
      locate(frame);
      break;
    case HIVE_AGENT_PANIC:
      panic(frame.session);
      break;
    case HIVE_AGENT_WILD_WRITES:
      write_wildly(frame);
      break;
    default:
      handle_for_session(frame);
  }
}

void Agent::handle_for_session(const abi::AgentFrame& frame) {
  const auto session =
      std::find_if(sessions_.begin(), sessions_.end(),
                   [&](const Session& candidate) { return candidate.id() == frame.session; });
  if (session == sessions_.end()) return;
  const std::optional<std::uint32_t> number = abi::decode_u32(frame.payload);
  switch (frame.type) {
    case HIVE_AGENT_STDIN:
      if (frame.payload.empty()) {
        session->end_input();
      } else if (!session->add_input(frame.payload)) {
        over_ = true;
      }
      break;
    case HIVE_AGENT_SIGNAL:
      if (number) session->signal(static_cast<int>(*number));
      break;
    case HIVE_AGENT_WINDOW:
      if (number && !session->extend(*number)) over_ = true;
      break;
    default:
      break;  // A type of a later version.
  }
}

void Agent::start(const abi::AgentFrame& frame) {
  const auto argv = parse_argv(frame.payload);
  if (!argv) return refuse(frame.session, "not a command");
  if (sessions_.size() >= HIVE_AGENT_MAX_SESSIONS) {
    return refuse(frame.session, "too many commands run already");
  }
  try {
    sessions_.emplace_back(frame.session, *argv, out_);
  } catch (const Error& error) {
    refuse(frame.session, error.what());
  }
}

void Agent::tell_load() {
  const auto load = read_load_();
  out_.send(HIVE_AGENT_LOAD, 0, load ? abi::encode_load(*load) : std::string());
}

void Agent::locate(const abi::AgentFrame& frame) {
  const auto words = parse_argv(frame.payload);
  const Located located = words ? faults_.locate(*words) : Located{{}, "not a question"};
  if (located.ranges.empty()) return out_.send(HIVE_AGENT_REFUSED, frame.session, located.why);
  out_.send(HIVE_AGENT_LOCATED, frame.session, abi::encode_ranges(located.ranges));
}

void Agent::panic(std::uint32_t session) {
  const std::string why = faults_.panic();
  if (!why.empty()) out_.send(HIVE_AGENT_REFUSED, session, why);
}

void Agent::write_wildly(const abi::AgentFrame& frame) {
  const auto request = abi::decode_wild_writes(frame.payload);
  const auto refuse = [&](std::string_view why) {
    out_.send(HIVE_AGENT_REFUSED, frame.session, why);
  };
  if (!request) return refuse("no such wild writes");
  if (writer_) return refuse("the wild writes before are not over");
  try {
    writer_.emplace(
        frame.session, [&] { return faults_.write_wildly(*request); }, out_);
  } catch (const Error& error) {
    refuse(error.what());
  }
}

void Agent::refuse(std::uint32_t session, std::string_view why) {
  out_.send(HIVE_AGENT_STDERR, session, "hive-agent: " + std::string(why) + "\n");
  out_.send(HIVE_AGENT_EXIT, session, abi::encode_u32(126));
}

}  // namespace hive::agent
