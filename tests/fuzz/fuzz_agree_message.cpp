// What another monitor may say: nothing may bring an Agreement down, and what is taken as a message
// is exactly the bytes that came.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cellmon/agree/agreement.h"

namespace {

using namespace hive::agree;
using hive::CellId;

void check(bool holds) {
  if (!holds) std::abort();
}

/// Takes what an Agreement does and checks that others could read it.
class Sink final : public Port {
 public:
  void send(CellId to, const Message& message) override {
    check(is_cell(to));
    check(parse_message(as_bytes(message)).has_value());
    ++sent;
  }
  void suspend() override { wants_suspended = true; }
  void probe(CellId suspect) override { check(is_cell(suspect)); }
  void counted(const Vote& /*vote*/) override {}
  void decided(const Decision& /*decision*/, const Agreed& agreed) override {
    check(is_well_formed(agreed));
  }
  void caught_up(const Agreed& agreed) override { check(is_well_formed(agreed)); }
  void stalled(unsigned /*rounds*/) override {}
  void refused(CellId /*suspect*/, Refusal /*why*/) override {}

  std::uint64_t sent = 0;
  bool wants_suspended = false;
};

}  // namespace

// Input: pieces of two bytes (sender, length / 8), then the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  std::string_view left = bytes;
  Sink sink;
  Agreement agreement({CellId{0}}, founding_view(CellSet(0x1f)), sink);
  for (unsigned peer = 1; peer < 5; ++peer) {
    agreement.link_up(CellId{static_cast<std::uint8_t>(peer)}, 0);
  }
  Time now = 0;
  while (left.size() >= 2) {
    const CellId from{static_cast<std::uint8_t>(left[0])};
    const std::size_t length = std::size_t{static_cast<std::uint8_t>(left[1])} * 8;
    const std::string_view piece = left.substr(2, length);
    left.remove_prefix(2 + piece.size());
    const std::optional<Message> message = parse_message(piece);
    if (message) {
      check(as_bytes(*message) == piece);
      agreement.receive(from, *message, now);
    }
    if (sink.wants_suspended) agreement.suspended(now);
    agreement.suspects().for_each([&](CellId suspect) { agreement.probed(suspect, {}, now); });
    now += 30'000'000;
    agreement.tick(now);
  }
  return 0;
}
