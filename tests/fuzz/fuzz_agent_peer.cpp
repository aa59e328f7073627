// What a hostile agent may send a monitor, while clients run commands.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "cellmon/control/agent_peer.h"
#include "guests/abi/agent_protocol.h"

namespace {

using hive::control::AgentPeer;

/// Runs one conversation and checks that flow control binds both sides.
class Conversation {
 public:
  Conversation() : peer_(handlers()) {}

  /// Feeds BYTES in pieces; the first byte of each piece says what clients do before it.
  void run(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto choice = static_cast<std::uint8_t>(bytes[at]);
      act(choice);
      const std::size_t size = 1 + (choice >> 2) * 8U;
      peer_.feed(std::string_view(bytes).substr(at + 1, size));
      at += 1 + size;
    }
  }

 private:
  void act(std::uint8_t choice) {
    switch (choice & 3) {
      case 0:
        (void)peer_.exec({"cat"});
        break;
      case 1:
        (void)peer_.write_input(choice >> 6, std::string(70'000, 'x'), (choice & 4) != 0);
        break;
      case 2:
        peer_.consume_output(1, std::exchange(output_, 0));
        break;
      default:
        if ((choice & 0xf0) == 0xf0) {
          peer_.abandon(choice >> 6);
        } else if ((choice & 0xf0) == 0xe0) {
          (void)peer_.locate({"text"});
        } else if ((choice & 0xf0) == 0xd0) {
          (void)peer_.write_wildly({HIVE_AGENT_ALL, 1, 1, 1, 1});
        } else if ((choice & 0xf0) == 0xc0) {
          peer_.ask_load();
        } else {
          peer_.ping();
          ++pings_;
        }
        if (peer_.answers() > pings_) std::abort();
    }
  }

  AgentPeer::Handlers handlers() {
    AgentPeer::Handlers handlers;
    handlers.send = [this](std::string_view bytes) {
      decoder_.feed(bytes);
      while (decoder_.next()) {
      }
      if (decoder_.broken()) std::abort();
    };
    handlers.on_hello = [this](const std::string& kernel) {
      if (kernel.size() > 65) std::abort();
      output_ = 0;
    };
    handlers.on_output = [this](std::uint32_t session, AgentPeer::Output, std::string_view bytes) {
      if (session == 1) output_ += bytes.size();
      if (output_ > HIVE_AGENT_WINDOW_BYTES) std::abort();
    };
    handlers.on_exit = [](std::uint32_t, int status) {
      if (status < 0 || status > 255) std::abort();
    };
    handlers.on_located = [](std::uint32_t, const auto& ranges) {
      if (ranges.empty() || ranges.size() > HIVE_AGENT_MAX_RANGES) std::abort();
    };
    handlers.on_wrote = [](std::uint32_t, const hive_agent_wrote& wrote) {
      if (wrote.done + wrote.denied > HIVE_AGENT_MAX_STORES) std::abort();
    };
    handlers.on_load = [](const hive_agent_load& load) {
      const hive_agent_load none{};
      const bool is_none = std::memcmp(&load, &none, sizeof none) == 0;
      if (load.total == 0 && !is_none) std::abort();
      if (load.available > load.total || load.swap_free > load.swap_total) std::abort();
    };
    handlers.on_refused = [](std::uint32_t, const std::string& why) {
      if (why.size() > 1000) std::abort();
    };
    handlers.on_input_taken = [](std::uint32_t) {};
    handlers.on_lost = [](const std::string&) {};
    return handlers;
  }

  hive::abi::FrameDecoder decoder_;
  std::size_t output_ = 0;  ///< Of session 1, not used yet.
  std::uint64_t pings_ = 0;
  AgentPeer peer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Conversation().run({data, data + size});
  return 0;
}
