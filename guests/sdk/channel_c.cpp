// The part of hive.h that sends and receives.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <vector>

#include "guests/sdk/c_calls.h"
#include "guests/sdk/channel/receiver.h"
#include "guests/sdk/channel/sender.h"
#include "guests/sdk/channel/sips.h"

using hive::sdk::ChannelPlace;
using hive::sdk::ChannelReceiver;
using hive::sdk::ChannelSender;
using hive::sdk::Clock;
using hive::sdk::do_only;
using hive::sdk::missing;
using hive::sdk::run;
using hive::sdk::SipsPort;

struct hive_sender {
  ChannelSender end;
};
struct hive_receiver {
  ChannelReceiver end;
  std::vector<std::byte> record;
};
struct hive_sips {
  std::unique_ptr<SipsPort> port;
};

namespace {

static_assert(HIVE_SIPS_SIZE == HIVE_SIPS_MESSAGE_SIZE);

ChannelPlace place_of(const hive_channel_place& place) {
  return {{place.sender, place.ring}, {place.receiver, place.credit}, place.capacity};
}

Clock::time_point after(uint32_t timeout_ms) {
  return Clock::now() + std::chrono::milliseconds(timeout_ms);
}

}  // namespace

extern "C" {

hive_status hive_sender_open(hive_machine* machine, const hive_channel_place* place,
                             hive_sender** sender) {
  if (place == nullptr || sender == nullptr) return missing("place or sender");
  *sender = nullptr;
  return run([&] { return ChannelSender::create(*machine->machine, place_of(*place)); },
             [&](ChannelSender made) { *sender = new hive_sender{made}; });
}

hive_status hive_send(hive_sender* sender, const void* record, size_t size, uint32_t timeout_ms) {
  if (record == nullptr && size > 0) return missing("record");
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(record), size);
  return do_only([&] { return sender->end.send(bytes, after(timeout_ms)); });
}

void hive_sender_close(hive_sender* sender) {
  if (sender != nullptr) sender->end.close();
  delete sender;
}

hive_status hive_receiver_open(hive_machine* machine, const hive_channel_place* place,
                               hive_receiver** receiver) {
  if (place == nullptr || receiver == nullptr) return missing("place or receiver");
  *receiver = nullptr;
  return run([&] { return ChannelReceiver::attach(*machine->machine, place_of(*place)); },
             [&](ChannelReceiver made) {
               *receiver = new hive_receiver{made, {}};
             });
}

hive_status hive_receive(hive_receiver* receiver, void* record, size_t size, uint32_t timeout_ms,
                         size_t* length) {
  if (length == nullptr || (record == nullptr && size > 0)) return missing("record or length");
  *length = 0;
  const hive_status status =
      do_only([&] { return receiver->end.receive(receiver->record, size, after(timeout_ms)); });
  if (status != HIVE_OK) return status;
  *length = receiver->record.size();
  if (*length > 0) std::memcpy(record, receiver->record.data(), *length);
  return HIVE_OK;
}

void hive_receiver_close(hive_receiver* receiver) {
  if (receiver != nullptr) receiver->end.close();
  delete receiver;
}

hive_status hive_sips_open(hive_machine* machine, uint32_t port, hive_sips** sips) {
  if (sips == nullptr) return missing("sips");
  *sips = nullptr;
  return run([&] { return SipsPort::open(*machine->machine, port); },
             [&](std::unique_ptr<SipsPort> opened) { *sips = new hive_sips{std::move(opened)}; });
}

hive_status hive_sips_send(hive_sips* sips, uint32_t cell, const void* message,
                           uint32_t timeout_ms) {
  if (message == nullptr) return missing("message");
  hive::sdk::SipsMessage copy;
  std::memcpy(copy.data(), message, copy.size());
  return do_only([&] { return sips->port->send(cell, copy, after(timeout_ms)); });
}

hive_status hive_sips_receive(hive_sips* sips, uint32_t timeout_ms, uint32_t* cell, void* message) {
  if (cell == nullptr || message == nullptr) return missing("cell or message");
  return run([&] { return sips->port->receive(after(timeout_ms)); },
             [&](const SipsPort::Received& received) {
               *cell = received.cell;
               std::memcpy(message, received.message.data(), received.message.size());
             });
}

void hive_sips_close(hive_sips* sips) { delete sips; }

}  // extern "C"
