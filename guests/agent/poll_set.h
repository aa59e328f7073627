// One round of poll(2): descriptors and what to do when they are ready.
#pragma once

#include <poll.h>

#include <functional>
#include <utility>
#include <vector>

namespace hive::agent {

class PollSet {
 public:
  /// Called with the events that came (poll(2)'s revents).
  using Handler = std::function<void(short)>;

  void add(int fd, short events, Handler handler) {
    fds_.push_back({fd, events, 0});
    handlers_.push_back(std::move(handler));
  }

  /// Waits up to TIMEOUT milliseconds (-1: for ever) and calls the handlers of what is ready.
  void wait(int timeout) {
    if (::poll(fds_.data(), fds_.size(), timeout) <= 0) return;
    for (std::size_t i = 0; i < fds_.size(); ++i) {
      if (fds_[i].revents != 0) handlers_[i](fds_[i].revents);
    }
  }

 private:
  std::vector<pollfd> fds_;
  std::vector<Handler> handlers_;
};

}  // namespace hive::agent
