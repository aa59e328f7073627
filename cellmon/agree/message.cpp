#include "cellmon/agree/message.h"

#include <cstring>

namespace hive::agree {
namespace {

bool is_sound(const Header& header) {
  return is_cell(header.from) && header.reserved == Header().reserved;
}

template <typename Struct>
bool has_ballot(const Struct& message) {
  return message.ballot != 0 && message.ballot <= kMaxBallot && message.reserved == 0 &&
         message.header.slot != 0;
}

bool is_sound(const Alert& alert) { return has_ballot(alert); }
bool is_sound(const Vote& vote) {
  return has_ballot(vote) && is_well_formed(vote.opinion) &&
         vote.opinion.accepted_ballot <= vote.ballot;
}
bool is_sound(const Propose& propose) {
  return has_ballot(propose) && is_well_formed(propose.decision);
}
bool is_sound(const Accepted& accepted) { return has_ballot(accepted); }
bool is_sound(const Decided& decided) {
  return decided.header.slot != 0 && is_well_formed(decided.decision);
}
bool is_sound(const Ask& /*ask*/) { return true; }
bool is_sound(const State& state) {
  return state.header.slot == state.agreed.slot && is_well_formed(state.agreed);
}
bool is_sound(const Join& join) { return join.header.life != 0; }

template <typename Struct>
std::optional<Message> copy(std::string_view bytes) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  if (bytes.size() != sizeof(Struct)) return std::nullopt;
  Struct message;
  std::memcpy(&message, bytes.data(), sizeof message);
  if (!is_sound(message.header) || !is_sound(message)) return std::nullopt;
  return message;
}

}  // namespace

std::optional<Message> parse_message(std::string_view bytes) {
  Kind kind{};
  if (bytes.size() < sizeof kind) return std::nullopt;
  std::memcpy(&kind, bytes.data(), sizeof kind);
  switch (kind) {
    case Kind::kAlert:
      return copy<Alert>(bytes);
    case Kind::kVote:
      return copy<Vote>(bytes);
    case Kind::kPropose:
      return copy<Propose>(bytes);
    case Kind::kAccepted:
      return copy<Accepted>(bytes);
    case Kind::kDecided:
      return copy<Decided>(bytes);
    case Kind::kAsk:
      return copy<Ask>(bytes);
    case Kind::kState:
      return copy<State>(bytes);
    case Kind::kJoin:
      return copy<Join>(bytes);
  }
  return std::nullopt;
}

std::string_view as_bytes(const Message& message) {
  return std::visit(
      [](const auto& each) {
        return std::string_view(reinterpret_cast<const char*>(&each), sizeof each);
      },
      message);
}

const Header& header_of(const Message& message) {
  return std::visit([](const auto& each) -> const Header& { return each.header; }, message);
}

}  // namespace hive::agree
