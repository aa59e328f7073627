#include "vmm/cell/monitor_link.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/watch.h"

namespace hive::cell {
namespace {

/// How long a report of KIND may wait for room, in milliseconds; -1 for as long as it takes.
int patience(ReportKind kind) {
  if (ends_vmm(kind)) return -1;
  // Somebody waits for these.
  const bool answer =
      kind == ReportKind::kPaused || kind == ReportKind::kResumed || kind == ReportKind::kNotPaused;
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

MonitorLink::MonitorLink(boost::asio::io_context& loop, UniqueFd socket,
                         std::function<void(Command)> on_command, std::function<void()> on_gone)
    : socket_(watch(loop, std::move(socket))),
      on_command_(std::move(on_command)),
      on_gone_(std::move(on_gone)),
      packet_(1024) {
  receive();
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

void MonitorLink::receive() {
  // One read(2) is one packet; what does not fit is cut off, and is then not a command.
  socket_.async_read_some(boost::asio::buffer(packet_),
                          [this](const boost::system::error_code& error, std::size_t size) {
                            if (error || size == 0) return on_gone_();
                            const std::string_view text(packet_.data(), size);
                            if (const auto command = parse_command(text)) {
                              on_command_(*command);
                            } else {
                              spdlog::warn("monitor socket: not a command: '{}'", text);
                            }
                            receive();
                          });
}

}  // namespace hive::cell
