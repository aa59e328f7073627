#include "cellmon/control/child_watch.h"

#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>
#include <utility>

#include "vmm/base/watch.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

class ChildWatch::Core : public std::enable_shared_from_this<ChildWatch::Core> {
 public:
  Core(boost::asio::io_context& loop, ChildProcess child, UniqueFd pidfd,
       std::function<void(const std::string&)> on_exit)
      : child_(std::move(child)),
        pidfd_(watch(loop, std::move(pidfd))),
        on_exit_(std::move(on_exit)) {}

  void await_exit() {
    pidfd_.async_wait(stream_descriptor::wait_read,
                      [self = shared_from_this()](const error_code& error) {
                        if (!error) self->reap();
                      });
  }

  [[nodiscard]] const ChildProcess& child() const { return child_; }

  void stop() {
    error_code ignored;
    pidfd_.close(ignored);
    child_ = ChildProcess();
  }

 private:
  void reap() {
    const std::optional<int> status = child_.try_reap();
    if (!status) return;
    on_exit_(WIFEXITED(*status) ? "status " + std::to_string(WEXITSTATUS(*status))
                                : "signal " + std::to_string(WTERMSIG(*status)));
  }

  ChildProcess child_;
  stream_descriptor pidfd_;
  std::function<void(const std::string&)> on_exit_;
};

ChildWatch::ChildWatch(boost::asio::io_context& loop, ChildProcess child, UniqueFd pidfd,
                       std::function<void(const std::string&)> on_exit)
    : core_(std::make_shared<Core>(loop, std::move(child), std::move(pidfd), std::move(on_exit))) {
  core_->await_exit();
}

ChildWatch::~ChildWatch() { core_->stop(); }

pid_t ChildWatch::pid() const { return core_->child().pid(); }

void ChildWatch::kill() { core_->child().kill(); }

}  // namespace hive::control
