// What recovery asks of the monitor around it.
#pragma once

#include <cstdint>

#include "cellmon/agree/cell_set.h"
#include "cellmon/recover/casualties.h"
#include "cellmon/recover/message.h"
#include "cellmon/recover/steps.h"

namespace hive::recover {

/// What a survivor is asked to do.
struct Order {
  std::uint64_t epoch = 0;
  Step step{};
  Casualties casualties;  ///< What it is about; none for a view in which only somebody joined.
};

/// How a Recovery acts on the world. No method may call the Recovery back; what it leads to is an
/// input, later.
class Port {
 public:
  Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  virtual ~Port() = default;

  /// Sends MESSAGE to TO's monitor. It may be lost, late or doubled.
  virtual void send(CellId to, const Message& message) = 0;
  /// Do ORDER; the answer is Recovery::done(). One at a time: what an earlier order has begun is
  /// awaited or taken back first (a kResume taken back). What was done before is done again, where
  /// there is anything left.
  virtual void perform(const Order& order) = 0;
  /// This cell's incarnation is over, for the members: take back the order under way, end its guest
  /// for good, take all rights to its pages, end its sections and bump its generations. The answer
  /// is Recovery::left().
  virtual void leave() = 0;
  /// Ask agreement to be let in, under a new life, until it is.
  virtual void rejoin() = 0;
  /// Boot the own guest, in INCARNATION. No answer: it comes up, or fails like any other.
  virtual void boot(Incarnation incarnation) = 0;
  /// All survivors of EPOCH have resumed. Said by the coordinator's only.
  virtual void recovered(std::uint64_t epoch) = 0;
  /// The survivors LATE, perhaps this one among them, keep the others waiting: a hint for the
  /// detector, which is to probe them.
  virtual void late(CellSet late) = 0;
  /// CELL's monitor is gone or does not answer: end what is left of it and of its VMM, by their
  /// pidfds, and start another one, which asks to be let in. One that somebody else has started
  /// meanwhile, and that lives, may stay.
  virtual void replace(CellId cell) = 0;
  /// CELL's failure is to stop the machine.
  virtual void stop_machine(CellId cell) = 0;
};

}  // namespace hive::recover
