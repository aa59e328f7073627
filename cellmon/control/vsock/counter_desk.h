// Asking a VMM for its counters of vsock.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cellmon/control/deadline.h"
#include "vmm/cell/vsock_protocol.h"

namespace hive::control {

/// Keeps one question at a time under way, for all who ask meanwhile. Single-threaded.
class CounterDesk {
 public:
  /// By the siblings' numbers. A VMM that has not answered in time has given none.
  using Counts = std::map<unsigned, cell::VsockCounters>;
  /// Sends the question. False when there is no VMM, or it does not read.
  using Send = std::function<bool(const cell::VsockAskCounters&)>;
  struct Answer {
    Counts counts;
    std::optional<cell::VsockGuestCounters> guest;
    bool in_time = false;
  };

  static constexpr std::chrono::milliseconds kLimit{1'000};

  /// ON_DONE is called when an answer is there.
  CounterDesk(boost::asio::io_context& loop, Send send, std::function<void()> on_done)
      : send_(std::move(send)), on_done_(std::move(on_done)), limit_(loop) {}

  /// Asks about CELLS and the guest; the question's number for answer(). Where there is no VMM to
  /// ask, CELLS is nothing, and so is the answer.
  std::uint32_t ask(const std::optional<std::set<unsigned>>& cells);
  /// The answer to question NUMBER, once it is there: as good as one to a later question.
  [[nodiscard]] std::optional<Answer> answer(std::uint32_t number) const;

  void take(const cell::VsockCount& count);
  void take(const cell::VsockGuestCount& count);
  /// The VMM has ended: what it has not answered it never will.
  void give_up();

 private:
  void finish(bool in_time);
  void check_done();

  Send send_;
  std::function<void()> on_done_;
  Deadline limit_;
  std::uint32_t last_ = 0;      ///< The last question.
  std::uint32_t answered_ = 0;  ///< The last question that is answered.
  std::set<unsigned> awaited_;
  Answer under_way_;
  Answer answer_;
};

}  // namespace hive::control
