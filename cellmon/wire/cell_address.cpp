#include "cellmon/wire/cell_address.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "vmm/plan/text.h"

namespace hive::wire {
namespace {

constexpr std::string_view kPrefix = "hive/";
/// Of /proc/net/unix: the socket listens (the kernel's __SO_ACCEPTCON).
constexpr std::string_view kListens = "00010000";

/// Cuts the text up to DELIMITER off the front of REST; nothing when there is none.
std::optional<std::string_view> cut(std::string_view& rest, char delimiter) {
  const std::size_t end = rest.find(delimiter);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return part;
}

/// Cuts the next word off LINE, which has single or repeated blanks between words.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// "Num RefCount Protocol Flags Type St Inode Path": the name of a listening abstract socket.
std::optional<std::string_view> listening_name(std::string_view line) {
  constexpr int kFlags = 3;
  constexpr int kWordsBeforePath = 7;
  for (int word = 0; word < kWordsBeforePath; ++word) {
    const std::string_view text = next_word(line);
    if (word == kFlags && text != kListens) return std::nullopt;
  }
  if (line.substr(0, 2) != " @") return std::nullopt;
  return line.substr(2);
}

}  // namespace

std::string starter_socket_name(uid_t uid, std::string_view machine) {
  return std::string(kPrefix) + std::to_string(uid) + "/" + std::string(machine);
}

std::string socket_name(const CellAddress& address) {
  return starter_socket_name(address.uid, address.machine) + "/" + address.cell;
}

std::string mesh_socket_name(const CellAddress& address) {
  return "hive-mesh/" + std::to_string(address.uid) + "/" + address.full_name();
}

std::string life_socket_name(const CellAddress& address) {
  return "hive-life/" + std::to_string(address.uid) + "/" + address.full_name();
}

std::optional<CellAddress> parse_socket_name(std::string_view name) {
  if (name.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  const auto uid = cut(name, '/');
  const auto machine = cut(name, '/');
  if (!uid || !machine || !plan::is_name(*machine) || !plan::is_name(name)) return std::nullopt;
  CellAddress address{0, std::string(*machine), std::string(name)};
  const char* end = uid->data() + uid->size();
  const auto [rest, error] = std::from_chars(uid->data(), end, address.uid);
  if (error != std::errc{} || rest != end) return std::nullopt;
  if (std::to_string(address.uid) != *uid) return std::nullopt;
  return address;
}

std::vector<CellAddress> find_listening(std::string_view proc_net_unix, uid_t uid) {
  std::vector<CellAddress> found;
  while (const auto line = cut(proc_net_unix, '\n')) {
    const auto name = listening_name(*line);
    if (!name) continue;
    auto address = parse_socket_name(*name);
    if (address && address->uid == uid) found.push_back(std::move(*address));
  }
  std::sort(found.begin(), found.end(), [](const CellAddress& a, const CellAddress& b) {
    return std::tie(a.machine, a.cell) < std::tie(b.machine, b.cell);
  });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace hive::wire
