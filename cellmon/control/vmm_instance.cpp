#include "cellmon/control/vmm_instance.h"

#include <span>
#include <utility>

namespace hive::control {
namespace {

constexpr std::size_t kConsoleQueue = 64 * 1024;
constexpr std::size_t kMaxLogLine = 1024;
constexpr std::size_t kMaxLogLines = 1000;
/// Above all windows together, so that only an agent that does not read can fill it.
constexpr std::size_t kAgentQueue = 2 * HIVE_AGENT_MAX_SESSIONS * HIVE_AGENT_WINDOW_BYTES;

}  // namespace

VmmInstance::VmmInstance(boost::asio::io_context& loop, LaunchedVmm vmm, Handlers handlers)
    : handlers_(std::move(handlers)),
      agent_(agent_handlers()),
      link_(loop, std::move(vmm.monitor), {handlers_.on_report, handlers_.on_malformed_report}),
      serial_(make_console(loop, std::move(vmm.serial), ConsoleId::kSerial)),
      virtio_(make_console(loop, std::move(vmm.console), ConsoleId::kVirtio)),
      agent_stream_(make_agent_stream(loop, std::move(vmm.agent))),
      log_stream_(make_log_stream(loop, std::move(vmm.output))),
      child_(loop, std::move(vmm.child), std::move(vmm.pidfd),
             [this](const std::string& how) { take_exit(how); }) {}

std::unique_ptr<Stream> VmmInstance::make_console(boost::asio::io_context& loop, UniqueFd fd,
                                                  ConsoleId id) {
  return std::make_unique<Stream>(
      loop, std::move(fd), kConsoleQueue,
      Stream::Handlers{[this, id](std::string_view bytes) { handlers_.on_console(id, bytes); },
                       [] {}});
}

std::unique_ptr<Stream> VmmInstance::make_agent_stream(boost::asio::io_context& loop, UniqueFd fd) {
  if (!fd) return nullptr;
  return std::make_unique<Stream>(
      loop, std::move(fd), kAgentQueue,
      Stream::Handlers{[this](std::string_view bytes) { agent_.feed(bytes); },
                       [this] {
                         link_.drain();  // A guest that ended is no agent that was lost.
                         agent_.lose("the VMM closed the agent's port");
                       }});
}

std::unique_ptr<Stream> VmmInstance::make_log_stream(boost::asio::io_context& loop, UniqueFd fd) {
  return std::make_unique<Stream>(
      loop, std::move(fd), 0,
      Stream::Handlers{[this](std::string_view bytes) { take_log(bytes); }, [] {}});
}

void VmmInstance::take_log(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n' || log_line_.size() >= kMaxLogLine) end_log_line();
    if (byte != '\n') log_line_ += byte;
  }
}

void VmmInstance::end_log_line() {
  const std::string line = std::exchange(log_line_, {});
  if (log_lines_ > kMaxLogLines) return;
  handlers_.on_log_line(log_lines_ == kMaxLogLines ? "(more is not kept)" : line);
  ++log_lines_;
}

AgentPeer::Handlers VmmInstance::agent_handlers() {
  AgentPeer::Handlers handlers = handlers_.agent;
  handlers.send = [this](std::string_view bytes) {
    if (agent_stream_ && !agent_stream_->write(bytes)) agent_.lose("the agent does not read");
  };
  return handlers;
}

void VmmInstance::take_exit(const std::string& how) {
  for (Stream* stream : {serial_.get(), virtio_.get(), agent_stream_.get(), log_stream_.get()}) {
    if (stream != nullptr) stream->drain();
  }
  if (!log_line_.empty()) end_log_line();
  link_.drain();
  const auto on_exit = handlers_.on_exit;  // It may destroy this object.
  on_exit(how);
}

void VmmInstance::command(cell::Command command) { (void)link_.send(to_json(command)); }

void VmmInstance::set_balloon(std::uint32_t pages) {
  (void)link_.send(cell::balloon_to_json(pages));
}

void VmmInstance::set_spare(std::uint64_t bytes) { (void)link_.send(cell::spare_to_json(bytes)); }

void VmmInstance::inject(const cell::GuestFault& fault) { (void)link_.send(to_json(fault)); }

bool VmmInstance::dump(int file) {
  return link_.send(to_json(cell::Command::kDump), std::span(&file, 1));
}

bool VmmInstance::write_console(ConsoleId console, std::string_view bytes) {
  return (console == ConsoleId::kSerial ? serial_ : virtio_)->write(bytes);
}

}  // namespace hive::control
