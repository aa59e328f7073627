// Starting monitors in place of those that ended or hang.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cellmon/agree/decision.h"
#include "cellmon/control/heritage.h"
#include "vmm/base/ids.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Ends what is left of a cell's monitor, and starts another one, which asks to be let in by
/// itself. Of several that are started for one cell, as by monitors that coordinate one after the
/// other, the first that holds the cell's names stays. Single-threaded.
class Replacements {
 public:
  /// A monitor that is to be started.
  struct Wanted {
    unsigned cell = 0;
    agree::Life life = 0;
    int heritage = -1;  ///< A descriptor (heritage.h) of which it gets a copy, or -1.
  };
  /// Starts it as nobody's child: a descriptor that is readable when it serves, or could not.
  /// Throws Error.
  using Start = std::function<UniqueFd(const Wanted& wanted)>;
  /// No monitor of CELL could be started.
  using OnFailure = std::function<void(CellId cell)>;
  /// Something for people.
  using Tell = std::function<void(const std::string& kind, const std::string& detail)>;

  /// Where START is null, monitors cannot be started. MACHINE outlives this object.
  Replacements(boost::asio::io_context& loop, const plan::Machine& machine, Start start,
               OnFailure on_failure, Tell tell);

  /// Kills PROCESS, a pidfd of CELL's monitor, or -1, and starts another one, with FILES. Unless
  /// that process is known to HAVE_ENDED and none was started in its place, whoever holds the
  /// cell's control socket is killed as well.
  void replace(CellId cell, int process, bool has_ended,
               const std::vector<GlobalFileNumbers>& files);

 private:
  using Pipe = boost::asio::posix::stream_descriptor;

  void await_ready(CellId cell, UniqueFd ready);
  void take_answer(CellId cell);
  void give_up(CellId cell, const std::string& why);
  [[nodiscard]] std::string name_of(CellId cell) const;

  boost::asio::io_context& loop_;
  const plan::Machine& machine_;
  Start start_;
  OnFailure on_failure_;
  Tell tell_;
  /// Of those that were started, by their cells, until they have answered.
  std::map<CellId, Pipe> starting_;
  std::map<CellId, unsigned> started_;  ///< How many were.
};

}  // namespace hive::control
