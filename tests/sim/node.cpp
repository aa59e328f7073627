// What a simulated monitor does to its world.
#include <utility>

#include "tests/sim/world.h"

namespace hive::sim {

using namespace agree;

void Node::send(CellId to, const Message& message) {
  world_.checker().sent(cell_, message);
  world_.deliver(cell_, to, message);
}

void Node::suspend() {
  Random& random = world_.random();
  const Time takes = random.percent(3) ? random.between(10 * kMilli, 60 * kMilli)
                                       : random.between(20 * kMicro, 2 * kMilli);
  world_.at(world_.now() + takes, What::kSuspended, cell_);
}

void Node::probe(CellId suspect) {
  Random& random = world_.random();
  const bool silent = !world_.node(suspect).runs() || !world_.linked(cell_, suspect);
  const Time takes =
      silent ? 5 * kMilli : random.between(20 * kMicro, random.percent(5) ? 4 * kMilli : kMilli);
  world_.at(world_.now() + takes, What::kProbed, cell_, suspect);
}

/// A new incarnation of the cell begins with a sound guest.
void Node::renew(const View& view) {
  const Incarnation known = std::exchange(incarnation, view.incarnations[index_of(cell_)]);
  if (known != incarnation && view.has(cell_, life)) guest = Guest::kSound;
}

void Node::decided(const Decision& decision, const Agreed& agreed) {
  stood_still = std::exchange(suspended, false);
  world_.say(cell_, "decides slot " + std::to_string(agreed.slot - 1) + ": " + describe(decision));
  renew(agreed.view);
  world_.checker().decided(cell_, decision, agreed);
  if (world_.extension() != nullptr) world_.extension()->viewed(cell_);
}

void Node::caught_up(const Agreed& agreed) {
  stood_still = std::exchange(suspended, false);
  world_.say(cell_, "catches up: " + describe(agreed));
  renew(agreed.view);
  world_.checker().caught_up(cell_, agreed);
  if (world_.extension() != nullptr) world_.extension()->viewed(cell_);
}

void Node::refused(CellId suspect, Refusal why) {
  world_.say(cell_, "does not take up an accusation of " + name_of(suspect) + ": reason " +
                        std::to_string(static_cast<unsigned>(why)));
}

}  // namespace hive::sim
