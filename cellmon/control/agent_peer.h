// The monitor's side of guests/abi/agent_protocol.h, without I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/agent_codec.h"
#include "guests/abi/flow_window.h"

namespace hive::control {

/// Talks to a guest's agent, which is hostile: whatever it sends, sessions and memory stay bounded.
/// A peer lives as long as one VMM.
class AgentPeer {
 public:
  enum class Output { kStdout, kStderr };

  /// What the agent's frames lead to.
  struct Handlers {
    std::function<void(std::string_view)> send;  ///< Bytes for the port.
    std::function<void(std::string kernel)> on_hello;
    std::function<void(std::uint32_t session, Output, std::string_view)> on_output;
    std::function<void(std::uint32_t session, int status)> on_exit;
    /// The input given to write_input() is all on its way.
    std::function<void(std::uint32_t session)> on_input_taken;
    /// The answer to locate().
    std::function<void(std::uint32_t request, const std::vector<hive_agent_range>& ranges)>
        on_located;
    /// The answer to write_wildly().
    std::function<void(std::uint32_t request, const hive_agent_wrote& wrote)> on_wrote;
    /// The answer to ask_load(); all 0 where the agent does not know, or says what cannot be.
    std::function<void(const hive_agent_load& load)> on_load;
    /// What locate(), panic() or write_wildly() asked for is not done, for WHY.
    std::function<void(std::uint32_t request, const std::string& why)> on_refused;
    /// The agent broke the protocol or was restarted; its sessions are gone. Called once per HELLO.
    std::function<void(std::string why)> on_lost;
  };

  explicit AgentPeer(Handlers handlers) : handlers_(std::move(handlers)) {}

  /// Bytes from the port.
  void feed(std::string_view bytes);

  /// Whether the agent said HELLO and can be asked.
  [[nodiscard]] bool up() const { return up_; }
  /// Whether one has said HELLO, though it may be gone.
  [[nodiscard]] bool has_greeted() const { return has_greeted_; }
  /// Ends the conversation from this side, for WHY.
  void lose(const std::string& why);

  /// Starts ARGV; the session's number, or nothing when the agent is not up, too many sessions run,
  /// or ARGV is too long.
  std::optional<std::uint32_t> exec(const std::vector<std::string>& argv);
  /// Sends BYTES (then the end of input, if LAST) as the window allows. False when earlier input is
  /// still under way or the session is gone.
  bool write_input(std::uint32_t session, std::string_view bytes, bool last);
  /// The client used BYTES of the session's output: the agent may send more.
  void consume_output(std::uint32_t session, std::size_t bytes);
  bool signal(std::uint32_t session, int number);
  /// Kills the session's command; its output and its exit are of no more interest.
  void abandon(std::uint32_t session);

  /// Tells the agent of the machine's cells: LIST has a line for each (HIVE_AGENT_CELLS).
  void tell_cells(std::string_view list);

  /// Asks the agent whether it is there, unless it has not answered the last time yet.
  void ping();
  /// How often it has answered, of this VMM.
  [[nodiscard]] std::uint64_t answers() const { return answers_; }
  /// Whether it has since it said HELLO.
  [[nodiscard]] bool has_answered() const { return up_ && has_answered_; }

  /// Asks what the guest's memory is used for, unless that was asked and not answered yet.
  void ask_load();

  /// Asks where what WORDS say is (HIVE_AGENT_LOCATE). The request's number, or nothing when the
  /// agent is not up or has too many requests to answer already.
  std::optional<std::uint32_t> locate(const std::vector<std::string>& words);
  /// Asks for a panic of the guest's kernel, as above.
  std::optional<std::uint32_t> panic();
  /// Asks for wild writes in the guest, as above.
  std::optional<std::uint32_t> write_wildly(const hive_agent_wild_writes& writes);

  /// Nobody waits for the answer to REQUEST any more, so that others have its place.
  void forget(std::uint32_t request) { requests_.erase(request); }

  void power_off();
  void reboot();

  /// Frames that named no session, or were of an unknown type.
  [[nodiscard]] std::uint64_t ignored_frames() const { return ignored_frames_; }

 private:
  struct Session {
    abi::SendWindow input_window;
    abi::ReceiveWindow output_window;
    std::string input;
    bool last = false;     ///< The end of input follows `input`.
    bool waiting = false;  ///< Somebody waits for on_input_taken.
    bool abandoned = false;
  };

  void send(std::uint16_t type, std::uint32_t session, std::string_view payload);
  void handle(const abi::AgentFrame& frame);
  void handle_hello(const abi::AgentFrame& frame);
  void handle_pong(const abi::AgentFrame& frame);
  void handle_load(const abi::AgentFrame& frame);
  void handle_for_session(std::uint32_t id, Session& session, const abi::AgentFrame& frame);
  void handle_output(std::uint32_t id, Session& session, const abi::AgentFrame& frame);
  void push_input(std::uint32_t id, Session& session);
  std::optional<std::uint32_t> request(std::uint16_t type, std::string_view payload);
  void handle_answer(const abi::AgentFrame& frame);

  Handlers handlers_;
  abi::FrameDecoder decoder_;
  bool up_ = false;
  bool has_greeted_ = false;
  bool over_ = false;  ///< Nothing is read any more.
  std::uint32_t last_ping_ = 0;
  bool awaits_pong_ = false;
  bool awaits_load_ = false;
  bool has_answered_ = false;
  std::uint64_t answers_ = 0;
  std::uint32_t last_session_ = 0;
  std::uint64_t ignored_frames_ = 0;
  std::map<std::uint32_t, Session> sessions_;
  std::set<std::uint32_t> requests_;  ///< LOCATE, PANIC and WILD_WRITES, not answered yet.
};

}  // namespace hive::control
