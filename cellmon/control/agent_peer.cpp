#include "cellmon/control/agent_peer.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "cellmon/wire/text.h"
#include "guests/abi/agent_protocol.h"

namespace hive::control {
namespace {

using Json = nlohmann::json;

/// The kernel's release in a HELLO; nothing when it is not one of this version.
std::optional<std::string> kernel_of(std::string_view hello) {
  constexpr std::size_t kMaxKernel = 65;  // As in struct utsname.
  const Json json = Json::parse(hello, nullptr, false);
  if (!json.is_object() || !json.contains("version") || !json.contains("kernel")) return {};
  if (json["version"] != HIVE_AGENT_VERSION || !json["kernel"].is_string()) return {};
  return wire::printable(json["kernel"].get<std::string>(), kMaxKernel);
}

}  // namespace

void AgentPeer::send(std::uint16_t type, std::uint32_t session, std::string_view payload) {
  handlers_.send(abi::encode_frame(type, session, payload));
}

void AgentPeer::lose(const std::string& why) {
  const bool was_up = up_;
  over_ = true;
  up_ = false;
  sessions_.clear();
  requests_.clear();
  if (was_up) handlers_.on_lost(why);
}

void AgentPeer::feed(std::string_view bytes) {
  if (over_) return;
  decoder_.feed(bytes);
  while (!over_) {
    const std::optional<abi::AgentFrame> frame = decoder_.next();
    if (!frame) break;
    handle(*frame);
  }
  if (!over_ && decoder_.broken()) lose("the agent broke the protocol");
}

void AgentPeer::handle(const abi::AgentFrame& frame) {
  if (frame.type == HIVE_AGENT_HELLO) return handle_hello(frame);
  if (frame.type == HIVE_AGENT_PONG) return handle_pong(frame);
  if (frame.type == HIVE_AGENT_LOAD) return handle_load(frame);
  if (frame.type == HIVE_AGENT_LOCATED || frame.type == HIVE_AGENT_REFUSED ||
      frame.type == HIVE_AGENT_WROTE) {
    return handle_answer(frame);
  }
  const auto session = sessions_.find(frame.session);
  if (session == sessions_.end()) {
    ++ignored_frames_;
    return;
  }
  handle_for_session(session->first, session->second, frame);
}

void AgentPeer::handle_hello(const abi::AgentFrame& frame) {
  const std::optional<std::string> kernel = kernel_of(frame.payload);
  if (!kernel) return lose("the agent's greeting is not of this version");
  if (up_) {
    sessions_.clear();
    requests_.clear();
    handlers_.on_lost("the agent was restarted");
  }
  up_ = has_greeted_ = true;
  awaits_pong_ = awaits_load_ = has_answered_ = false;
  handlers_.on_hello(*kernel);
}

void AgentPeer::handle_pong(const abi::AgentFrame& frame) {
  // One that is late may answer a question to an agent before it.
  if (!awaits_pong_ || frame.payload != abi::encode_u32(last_ping_)) {
    ++ignored_frames_;
    return;
  }
  awaits_pong_ = false;
  has_answered_ = true;
  ++answers_;
}

void AgentPeer::handle_load(const abi::AgentFrame& frame) {
  if (!awaits_load_) {
    ++ignored_frames_;
    return;
  }
  awaits_load_ = false;
  // Figures that cannot be are no reason to lose the agent with all that it can do.
  const auto load = abi::decode_load(frame.payload);
  if (!load && !frame.payload.empty()) ++ignored_frames_;
  handlers_.on_load(load.value_or(hive_agent_load{}));
}

void AgentPeer::handle_answer(const abi::AgentFrame& frame) {
  constexpr std::size_t kMaxWhy = 200;
  if (requests_.erase(frame.session) == 0) {
    ++ignored_frames_;
    return;
  }
  if (frame.type == HIVE_AGENT_REFUSED) {
    return handlers_.on_refused(frame.session, wire::printable(frame.payload, kMaxWhy));
  }
  if (frame.type == HIVE_AGENT_WROTE) {
    const auto wrote = abi::decode_wrote(frame.payload);
    return wrote ? handlers_.on_wrote(frame.session, *wrote) : lose("the agent broke the protocol");
  }
  const auto ranges = abi::decode_ranges(frame.payload);
  if (!ranges) return lose("the agent broke the protocol");
  handlers_.on_located(frame.session, *ranges);
}

void AgentPeer::handle_for_session(std::uint32_t id, Session& session,
                                   const abi::AgentFrame& frame) {
  const std::optional<std::uint32_t> number = abi::decode_u32(frame.payload);
  switch (frame.type) {
    case HIVE_AGENT_STDOUT:
    case HIVE_AGENT_STDERR:
      return handle_output(id, session, frame);
    case HIVE_AGENT_WINDOW:
      if (!number || !session.input_window.extend(*number)) {
        return lose("the agent broke the flow control");
      }
      return push_input(id, session);
    case HIVE_AGENT_EXIT: {
      const bool wanted = !session.abandoned;
      sessions_.erase(id);
      if (!number) return lose("the agent broke the protocol");
      if (wanted) handlers_.on_exit(id, static_cast<int>(*number & 0xff));
      return;
    }
    default:
      ++ignored_frames_;
  }
}

void AgentPeer::handle_output(std::uint32_t id, Session& session, const abi::AgentFrame& frame) {
  if (!session.output_window.accept(frame.payload.size())) {
    return lose("the agent broke the flow control");
  }
  if (session.abandoned) return consume_output(id, frame.payload.size());
  const Output output = frame.type == HIVE_AGENT_STDOUT ? Output::kStdout : Output::kStderr;
  handlers_.on_output(id, output, frame.payload);
}

std::optional<std::uint32_t> AgentPeer::exec(const std::vector<std::string>& argv) {
  const std::string payload = Json(argv).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!up_ || sessions_.size() >= HIVE_AGENT_MAX_SESSIONS ||
      payload.size() > HIVE_AGENT_MAX_PAYLOAD) {
    return std::nullopt;
  }
  const std::uint32_t id = ++last_session_;
  sessions_[id];
  send(HIVE_AGENT_EXEC, id, payload);
  if (over_) return std::nullopt;
  return id;
}

bool AgentPeer::write_input(std::uint32_t id, std::string_view bytes, bool last) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return false;
  Session& session = found->second;
  if (session.waiting || session.last) return false;
  session.input = bytes;
  session.last = last;
  session.waiting = true;
  push_input(id, session);
  return true;
}

void AgentPeer::push_input(std::uint32_t id, Session& session) {
  std::string_view rest = session.input;
  while (!rest.empty() && session.input_window.available() > 0) {
    const std::size_t size = std::min(
        {rest.size(), session.input_window.available(), std::size_t{HIVE_AGENT_MAX_PAYLOAD}});
    send(HIVE_AGENT_STDIN, id, rest.substr(0, size));
    if (over_) return;
    session.input_window.spend(size);
    rest.remove_prefix(size);
  }
  session.input = std::string(rest);
  if (!session.input.empty() || !session.waiting) return;
  session.waiting = false;
  if (session.last) send(HIVE_AGENT_STDIN, id, {});
  if (!over_) handlers_.on_input_taken(id);
}

void AgentPeer::consume_output(std::uint32_t id, std::size_t bytes) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const std::uint32_t grant = found->second.output_window.release(bytes);
  if (grant > 0) send(HIVE_AGENT_WINDOW, id, abi::encode_u32(grant));
}

bool AgentPeer::signal(std::uint32_t id, int number) {
  if (!sessions_.contains(id)) return false;
  send(HIVE_AGENT_SIGNAL, id, abi::encode_u32(static_cast<std::uint32_t>(number)));
  return true;
}

void AgentPeer::abandon(std::uint32_t id) {
  if (!signal(id, SIGKILL)) return;
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  session.abandoned = true;
  session.input.clear();
  session.waiting = false;
  // Whoever was handed output will not tell that it was used. Without room for the rest of its
  // output the command could never end.
  const std::uint32_t grant = session.output_window.release_all();
  if (grant > 0) send(HIVE_AGENT_WINDOW, id, abi::encode_u32(grant));
}

void AgentPeer::tell_cells(std::string_view list) {
  if (up_) send(HIVE_AGENT_CELLS, 0, list);
}

void AgentPeer::ping() {
  if (!up_ || awaits_pong_) return;
  awaits_pong_ = true;
  send(HIVE_AGENT_PING, 0, abi::encode_u32(++last_ping_));
}

void AgentPeer::ask_load() {
  if (!up_ || awaits_load_) return;
  awaits_load_ = true;
  send(HIVE_AGENT_ASK_LOAD, 0, {});
}

std::optional<std::uint32_t> AgentPeer::request(std::uint16_t type, std::string_view payload) {
  if (!up_ || requests_.size() >= HIVE_AGENT_MAX_SESSIONS ||
      payload.size() > HIVE_AGENT_MAX_PAYLOAD) {
    return std::nullopt;
  }
  const std::uint32_t id = ++last_session_;
  requests_.insert(id);
  send(type, id, payload);
  return over_ ? std::nullopt : std::optional(id);
}

std::optional<std::uint32_t> AgentPeer::locate(const std::vector<std::string>& words) {
  return request(HIVE_AGENT_LOCATE,
                 Json(words).dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<std::uint32_t> AgentPeer::panic() { return request(HIVE_AGENT_PANIC, {}); }

std::optional<std::uint32_t> AgentPeer::write_wildly(const hive_agent_wild_writes& writes) {
  return request(HIVE_AGENT_WILD_WRITES, abi::encode_wild_writes(writes));
}

void AgentPeer::power_off() { send(HIVE_AGENT_POWEROFF, 0, {}); }

void AgentPeer::reboot() { send(HIVE_AGENT_REBOOT, 0, {}); }

}  // namespace hive::control
