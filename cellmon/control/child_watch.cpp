#include "cellmon/control/child_watch.h"

#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

class ChildWatch::Core : public std::enable_shared_from_this<ChildWatch::Core> {
 public:
  Core(boost::asio::io_context& loop, pid_t pid, UniqueFd pidfd,
       std::function<void(const std::string&)> on_exit)
      : pid_(pid), pidfd_(loop, pidfd.release()), on_exit_(std::move(on_exit)) {}

  void await_exit() {
    pidfd_.async_wait(stream_descriptor::wait_read,
                      [self = shared_from_this()](const error_code& error) {
                        if (!error) self->reap();
                      });
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  void kill() const {
    if (!reaped_) ::kill(pid_, SIGKILL);
  }

  void stop() {
    error_code ignored;
    pidfd_.close(ignored);
    if (reaped_) return;
    kill();
    ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }

 private:
  void reap() {
    int status = 0;
    if (reaped_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
    reaped_ = true;
    on_exit_(WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                               : "signal " + std::to_string(WTERMSIG(status)));
  }

  const pid_t pid_;
  stream_descriptor pidfd_;
  std::function<void(const std::string&)> on_exit_;
  bool reaped_ = false;
};

ChildWatch::ChildWatch(boost::asio::io_context& loop, pid_t pid, UniqueFd pidfd,
                       std::function<void(const std::string&)> on_exit)
    : core_(std::make_shared<Core>(loop, pid, std::move(pidfd), std::move(on_exit))) {
  core_->await_exit();
}

ChildWatch::~ChildWatch() { core_->stop(); }

pid_t ChildWatch::pid() const { return core_->pid(); }

void ChildWatch::kill() { core_->kill(); }

}  // namespace hive::control
