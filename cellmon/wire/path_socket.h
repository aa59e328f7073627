// Unix stream sockets that stand in the file system.
#pragma once

#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::wire {

/// Connects SOCKET, which does not block and is closed on exec, to the listener at PATH. The error
/// number, or 0; EAGAIN when the listener's queue is full.
[[nodiscard]] int connect_path(const std::string& path, UniqueFd& socket);

/// A listening socket at a path that only this user can connect to. The path is removed with it.
class PathListener {
 public:
  /// Binds PATH, which may hold a socket that nobody listens to any more, and listens with a queue
  /// of BACKLOG. Throws Error.
  PathListener(std::string path, int backlog);
  PathListener(const PathListener&) = delete;
  PathListener& operator=(const PathListener&) = delete;
  PathListener(PathListener&&) = delete;
  PathListener& operator=(PathListener&&) = delete;
  ~PathListener();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Does not block.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  std::string path_;
  UniqueFd fd_;
  /// Of the file that was made, so that no other one is removed.
  unsigned long device_ = 0;
  unsigned long inode_ = 0;
};

}  // namespace hive::wire
