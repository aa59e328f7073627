#include "cellmon/control/vsock/service_clients.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/watch.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

/// One stream: a request is read, answered, and its reply written before the next one is read.
class ServiceClients::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(boost::asio::io_context& loop, UniqueFd fd, MonitorService& service,
         std::function<void()> on_end)
      : fd_(watch(loop, std::move(fd))), service_(service), on_end_(std::move(on_end)) {}

  void await_request() {
    fd_.async_wait(stream_descriptor::wait_read,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error && !self->stopped_) self->read_some();
                   });
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    fd_.close(ignored);
  }

 private:
  void read_some() {
    const ssize_t count =
        ::recv(fd_.native_handle(), request_.data() + read_, request_.size() - read_, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return await_request();
    if (count <= 0) return end();
    read_ += static_cast<std::size_t>(count);
    if (read_ < request_.size()) return await_request();
    read_ = 0;
    const MonitorService::Answer answer =
        service_.answer({request_.data(), request_.size()}, MonitorService::Clock::now());
    if (stopped_) return;  // What was told of a hint has ended the VMM.
    std::memcpy(reply_.data(), &answer.reply, reply_.size());
    is_last_ = answer.is_last;
    written_ = 0;
    write_some();
  }

  void write_some() {
    const ssize_t count = ::send(fd_.native_handle(), reply_.data() + written_,
                                 reply_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return end();
    if (count > 0) written_ += static_cast<std::size_t>(count);
    if (written_ == reply_.size()) return is_last_ ? end() : await_request();
    fd_.async_wait(stream_descriptor::wait_write,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error && !self->stopped_) self->write_some();
                   });
  }

  void end() {
    stop();
    on_end_();
  }

  stream_descriptor fd_;
  MonitorService& service_;
  std::function<void()> on_end_;
  std::array<char, sizeof(hive_monitor_request)> request_{};
  std::array<char, sizeof(hive_monitor_reply)> reply_{};
  std::size_t read_ = 0;
  std::size_t written_ = 0;
  bool is_last_ = false;
  bool stopped_ = false;
};

UniqueFd ServiceClients::connect() {
  if (clients_.size() >= kMaxClients) return {};
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) != 0) {
    throw_errno("cannot make a stream to the monitor");
  }
  UniqueFd ours(fds[0]);
  UniqueFd theirs(fds[1]);
  const std::uint64_t number = ++last_;
  const auto client = std::make_shared<Client>(loop_, std::move(ours), service_,
                                               [this, number] { clients_.erase(number); });
  clients_[number] = client;
  client->await_request();
  return theirs;
}

void ServiceClients::clear() {
  for (const auto& [number, client] : std::exchange(clients_, {})) client->stop();
}

}  // namespace hive::control
