// A child process's end.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "cellmon/control/child_process.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Waits for a child's end; owns the child, which ends with this object.
class ChildWatch {
 public:
  /// Calls ON_EXIT once, from the loop, with how the child ended: "status 1", "signal 9". Throws
  /// boost::system::system_error, with the child ended, when the loop cannot watch PIDFD.
  ChildWatch(boost::asio::io_context& loop, ChildProcess child, UniqueFd pidfd,
             std::function<void(const std::string&)> on_exit);
  ChildWatch(const ChildWatch&) = delete;
  ChildWatch& operator=(const ChildWatch&) = delete;
  ChildWatch(ChildWatch&&) = delete;
  ChildWatch& operator=(ChildWatch&&) = delete;
  ~ChildWatch();

  [[nodiscard]] pid_t pid() const;
  void kill();

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with the wait that is under way.
};

}  // namespace hive::control
