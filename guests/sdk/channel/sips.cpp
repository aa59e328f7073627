#include "guests/sdk/channel/sips.h"

#include <algorithm>
#include <string>

#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

static_assert(record_size(HIVE_SIPS_MESSAGE_SIZE) <= HIVE_SIPS_RING_CAPACITY);
static_assert(ring_size(HIVE_SIPS_RING_CAPACITY) <= HIVE_SIPS_RING_PAGES * kPageSize);
static_assert(HIVE_SIPS_CREDIT(HIVE_GLOBAL_MAX_CELLS) <= kPageSize);

}  // namespace

Result<std::unique_ptr<SipsPort>> SipsPort::open(Machine& machine, std::uint32_t port) {
  if (port >= HIVE_SIPS_PORTS) {
    return Failure{HIVE_INVALID, "there is no SIPS port " + std::to_string(port)};
  }
  if (const auto area = machine.use_system_area(); !area.ok()) return area.failure();
  const std::string name = HIVE_SIPS_NAME + std::to_string(port);
  const std::uint64_t pages = HIVE_SIPS_PAGES(machine.info().cells);
  auto section = machine.create_section(name, pages);
  // Left over from a program that was killed.
  if (section.status() == HIVE_NAME_TAKEN) {
    section = machine.find_section(machine.info().cell, name);
  }
  if (!section.ok()) return section.failure();
  if (section.value().pages < pages) {
    return Failure{HIVE_NAME_TAKEN, "section " + name + " is too short for a SIPS port"};
  }
  return std::make_unique<SipsPort>(machine, port, section.value());
}

SipsPort::SipsPort(Machine& machine, std::uint32_t port, hive_section section)
    : machine_(machine),
      port_(port),
      section_(section),
      start_(section.first * kPageSize),
      own_(machine.info().cell),
      cells_(machine.info().cells),
      outgoing_(cells_),
      incoming_(cells_) {
  machine_.events().areas().set_sips_section(port_, section_.first);
}

SipsPort::~SipsPort() {
  (void)flush(Clock::now() + kClosingPatience);
  machine_.events().areas().clear_sips_section(port_);
  (void)machine_.destroy_section(section_, HIVE_FORCE);
}

ChannelPlace SipsPort::place(std::uint32_t sender, std::uint64_t sender_section,
                             std::uint32_t receiver, std::uint64_t receiver_section) const {
  ChannelPlace place;
  place.ring = {sender, sender_section + HIVE_SIPS_RING(receiver)};
  place.credit = {receiver, receiver_section + HIVE_SIPS_CREDIT(sender)};
  place.capacity = HIVE_SIPS_RING_CAPACITY;
  place.waits_for = WaitKey{receiver, receiver_section};
  return place;
}

Result<ChannelSender*> SipsPort::sender_to(std::uint32_t cell) {
  const auto section = machine_.events().areas().sips_section(cell, port_);
  if (cell >= cells_ || !section) {
    return Failure{HIVE_NOT_FOUND, "cell " + std::to_string(cell) + " has not opened SIPS port " +
                                       std::to_string(port_)};
  }
  Outgoing& outgoing = outgoing_[cell];
  if (!outgoing.sender || outgoing.section != *section) {
    auto made = ChannelSender::create(machine_, place(own_, start_, cell, *section));
    if (!made.ok()) return made.failure();
    outgoing.sender.emplace(std::move(made).value());
    outgoing.section = *section;
  }
  return &*outgoing.sender;
}

/// False where the ring is full; ROOM is then what to wait for.
Result<bool> SipsPort::try_send(std::uint32_t cell, const SipsMessage& message, WaitKey& room) {
  const std::lock_guard lock(send_mutex_);
  const auto sender = sender_to(cell);
  if (!sender.ok()) return sender.failure();
  auto sent = sender.value()->try_send(message, {});
  // The next message begins a session anew.
  if (sent.status() == HIVE_BROKEN || sent.status() == HIVE_GONE) outgoing_[cell].sender.reset();
  room = place(own_, start_, cell, outgoing_[cell].section).room_key();
  return sent;
}

Result<Done> SipsPort::send(std::uint32_t cell, const SipsMessage& message, Clock::time_point end) {
  WaitKey room;
  Result<bool> sent = try_send(cell, message, room);
  const auto is_over = [&] { return !sent.ok() || sent.value(); };
  if (!is_over()) {
    const Events::Look look = [&] {
      // Where the receiver opens the port anew, its room is elsewhere; the longest sleep ends that.
      WaitKey now;
      sent = try_send(cell, message, now);
      return is_over();
    };
    (void)machine_.events().wait(room, look, end);
  }
  if (!sent.ok()) return sent.failure();
  if (!sent.value()) return Failure{HIVE_DEADLINE, "the channel is full"};
  return Done{};
}

/// Whether CELL has taken all that was sent to it, or will not; else ROOM is what to wait for.
bool SipsPort::is_taken(std::uint32_t cell, WaitKey& room) {
  const std::lock_guard lock(send_mutex_);
  Outgoing& outgoing = outgoing_[cell];
  if (!outgoing.sender) return true;
  const auto section = machine_.events().areas().sips_section(cell, port_);
  if (!section || *section != outgoing.section) return true;
  room = place(own_, start_, cell, outgoing.section).room_key();
  return outgoing.sender->is_drained();
}

Result<Done> SipsPort::flush(Clock::time_point end) {
  for (std::uint32_t cell = 0; cell < cells_; ++cell) {
    WaitKey room;
    if (is_taken(cell, room)) continue;
    const Events::Look taken = [&] {
      WaitKey now;
      return is_taken(cell, now);
    };
    if (machine_.events().wait(room, taken, end)) continue;
    return Failure{HIVE_DEADLINE,
                   "cell " + std::to_string(cell) + " has not taken what was sent to it"};
  }
  return Done{};
}

ChannelReceiver* SipsPort::receiver_from(std::uint32_t cell) {
  const auto section = machine_.events().areas().sips_section(cell, port_);
  if (!section) return nullptr;
  Incoming& incoming = incoming_[cell];
  if (!incoming.receiver || incoming.section != *section) {
    auto made = ChannelReceiver::attach(machine_, place(cell, *section, own_, start_));
    if (!made.ok()) return nullptr;
    incoming.receiver.emplace(std::move(made).value());
    incoming.section = *section;
  }
  return &*incoming.receiver;
}

bool SipsPort::take_next(Received& received) {
  const std::lock_guard lock(receive_mutex_);
  for (std::uint32_t tried = 0; tried < cells_; ++tried) {
    const std::uint32_t cell = (next_ + tried) % cells_;
    ChannelReceiver* receiver = receiver_from(cell);
    if (receiver == nullptr) continue;
    const auto got = receiver->try_receive(record_, HIVE_SIPS_MESSAGE_SIZE);
    receiver->give_room();
    if (!got.ok() || !got.value() || record_.size() != received.message.size()) continue;
    std::copy(record_.begin(), record_.end(), received.message.begin());
    received.cell = cell;
    next_ = (cell + 1) % cells_;
    return true;
  }
  return false;
}

Result<SipsPort::Received> SipsPort::receive(Clock::time_point end) {
  Received received;
  const bool got = machine_.events().wait(
      {own_, start_}, [&] { return take_next(received); }, end);
  if (!got) return Failure{HIVE_DEADLINE, "no message came in time"};
  return received;
}

}  // namespace hive::sdk
