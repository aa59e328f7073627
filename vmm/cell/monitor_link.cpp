#include "vmm/cell/monitor_link.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/base/watch.h"

namespace hive::cell {
namespace {

constexpr std::size_t kMaxCommand = 8192;

/// How long a report of KIND may wait for room, in milliseconds; -1 for as long as it takes.
int patience(ReportKind kind) {
  if (ends_vmm(kind) || leaves_core(kind)) return -1;  // Nobody needs the devices any more.
  // Somebody waits for these.
  const bool answer = kind == ReportKind::kPaused || kind == ReportKind::kResumed ||
                      kind == ReportKind::kNotPaused || kind == ReportKind::kDumped ||
                      kind == ReportKind::kNotDumped || kind == ReportKind::kFaultDone ||
                      kind == ReportKind::kFaultNotDone;
  return answer ? 1000 : 0;
}

}  // namespace

std::string receive_config(int socket) {
  std::string packet(kMaxMessage + 1, '\0');
  const ssize_t size = ::recv(socket, packet.data(), packet.size(), 0);
  if (size < 0) throw_errno("monitor socket: cannot receive the cell's configuration");
  if (size == 0) throw Error("monitor socket: closed before the cell's configuration came");
  if (static_cast<std::size_t>(size) > kMaxMessage) {
    throw Error("monitor socket: the cell's configuration is over " + std::to_string(kMaxMessage) +
                    " bytes; shorten its paths or its command line",
                Error::Kind::kUsage);
  }
  packet.resize(static_cast<std::size_t>(size));
  return packet;
}

MonitorLink::MonitorLink(boost::asio::io_context& loop, UniqueFd socket, CommandSink on_command,
                         std::function<void()> on_gone)
    : socket_(watch(loop, std::move(socket))),
      on_command_(std::move(on_command)),
      on_gone_(std::move(on_gone)) {
  await_packet();
}

void MonitorLink::send(const Report& report) {
  const std::string text = to_json(report);
  pollfd room{socket_.native_handle(), POLLOUT, 0};
  ::poll(&room, 1, patience(report.kind));
  if (::send(room.fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
      lost_++ < kMaxLossesLogged) {
    spdlog::warn("monitor socket: report '{}' was not sent: {}", text,
                 std::generic_category().message(errno));
  }
}

void MonitorLink::await_packet() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error == boost::asio::error::operation_aborted) return;
                       if (error) return on_gone_();
                       if (receive()) await_packet();
                     });
}

bool MonitorLink::receive() {
  std::array<char, kMaxCommand> bytes;
  ReceivedPacket packet =
      receive_with_files(socket_.native_handle(), std::as_writable_bytes(std::span(bytes)));
  if (packet.size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (packet.size <= 0) {
    on_gone_();
    return false;
  }
  const std::string_view text(bytes.data(), static_cast<std::size_t>(packet.size));
  // What does not fit is cut off, and is then not a command.
  if (!take(text, std::move(packet.files))) {
    spdlog::warn("monitor socket: not a command: '{}'", text);
  }
  return true;
}

bool MonitorLink::take(std::string_view text, std::vector<UniqueFd> files) {
  const auto command = parse_command(text);
  if (!command) return false;
  if (files.size() != (*command == Command::kDump ? 1U : 0U)) return false;
  if (*command == Command::kFault) {
    const auto fault = parse_guest_fault(text);
    if (fault && on_fault_) on_fault_(*fault);
    return fault.has_value();
  }
  if (*command == Command::kBalloon) {
    const auto pages = parse_balloon(text);
    if (pages && on_balloon_) on_balloon_(*pages);
    return pages.has_value();
  }
  if (*command == Command::kSpare) {
    const auto bytes = parse_spare(text);
    if (bytes && on_spare_) on_spare_(*bytes);
    return bytes.has_value();
  }
  on_command_(*command, files.empty() ? UniqueFd() : std::move(files.front()));
  return true;
}

}  // namespace hive::cell
