// Signals as something to wait for.
#pragma once

#include <initializer_list>

#include "vmm/base/unique_fd.h"

namespace hive::cli {

/// While this lives, the signals do not end the process but make fd() readable. One at a time;
/// child processes inherit the mask until they reset it.
class SignalFd {
 public:
  /// Throws Error.
  SignalFd(std::initializer_list<int> signals);
  ~SignalFd();
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;
  SignalFd(SignalFd&&) = delete;
  SignalFd& operator=(SignalFd&&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next signal that came; 0 when there is none.
  [[nodiscard]] int take() const;

 private:
  UniqueFd fd_;
};

}  // namespace hive::cli
