// The agent's side of agent_protocol.h over one open port.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "guests/abi/agent_codec.h"
#include "guests/agent/locate.h"
#include "guests/agent/port_writer.h"
#include "guests/agent/session.h"
#include "guests/agent/wild_writer.h"

namespace hive::agent {

/// Serves the monitor at the other end of a port. Single-threaded.
class Agent {
 public:
  /// What ends the guest; called when the monitor asks for it.
  struct Power {
    std::function<void()> off;
    std::function<void()> reboot;
  };
  /// What faults need that are injected into the guest.
  struct Faults {
    std::function<Located(const std::vector<std::string>& words)> locate;
    std::function<std::string()> panic;  ///< Returns why it cannot be done.
    /// In a process of its own.
    std::function<WildResult(const hive_agent_wild_writes&)> write_wildly;
  };
  /// What the guest's memory is used for; nothing where that is not known.
  using ReadLoad = std::function<std::optional<hive_agent_load>()>;
  /// Takes the names of the machine's cells: the text of a file for programs (cells_file.h).
  using TakeCells = std::function<void(const std::string& text)>;

  /// PORT is a descriptor that does not block; the caller keeps it open. HELLO is the payload of
  /// the first frame. SIGPIPE must be ignored.
  Agent(int port, const std::string& hello, Power power, TakeCells take_cells, ReadLoad read_load,
        Faults faults);

  /// Serves until the monitor hangs up or breaks the protocol. The commands that still run are
  /// killed when the agent is destroyed.
  void run();

 private:
  void step();
  void read_port();
  void handle(const abi::AgentFrame& frame);
  void start(const abi::AgentFrame& frame);
  void tell_load();
  void locate(const abi::AgentFrame& frame);
  void panic(std::uint32_t session);
  void write_wildly(const abi::AgentFrame& frame);
  /// Of a command that is not started.
  void refuse(std::uint32_t session, std::string_view why);
  /// Hands FRAME to the session that it names; ignored when that has ended meanwhile.
  void handle_for_session(const abi::AgentFrame& frame);

  int port_;
  Power power_;
  TakeCells take_cells_;
  ReadLoad read_load_;
  Faults faults_;
  PortWriter out_;
  abi::FrameDecoder decoder_{abi::FrameDecoder::Begin::kAnywhere};
  std::list<Session> sessions_;
  std::optional<WildWriter> writer_;
  bool over_ = false;
};

}  // namespace hive::agent
