// A process that writes wildly, from its start to its answer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "guests/agent/poll_set.h"
#include "guests/agent/port_writer.h"
#include "guests/agent/wild_writes.h"
#include "vmm/base/unique_fd.h"

namespace hive::agent {

/// Owns a child process. Nothing here blocks.
class WildWriter {
 public:
  using Work = std::function<WildResult()>;

  /// Has a child do WORK, for REQUEST. Throws Error when there are no processes or descriptors
  /// left.
  WildWriter(std::uint32_t request, const Work& work, PortWriter& out);
  WildWriter(const WildWriter&) = delete;
  WildWriter& operator=(const WildWriter&) = delete;
  WildWriter(WildWriter&&) = delete;
  WildWriter& operator=(WildWriter&&) = delete;
  /// Kills the child, if it still works.
  ~WildWriter();

  /// Adds what this waits for.
  void watch(PollSet& set);
  /// Whether the child has ended, and the monitor has been answered.
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  void take_result();
  void answer(const WildResult& result);

  std::uint32_t request_;
  PortWriter& out_;
  UniqueFd pipe_;
  pid_t child_ = -1;
  bool over_ = false;
};

}  // namespace hive::agent
