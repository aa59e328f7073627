#include "vmm/cell/monitor_protocol.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace hive::cell {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, ReportKind>, 16> kReports{{
    {"started", ReportKind::kStarted},
    {"paused", ReportKind::kPaused},
    {"resumed", ReportKind::kResumed},
    {"not-paused", ReportKind::kNotPaused},
    {"device-broken", ReportKind::kDeviceBroken},
    {"violation", ReportKind::kViolation},
    {"dumped", ReportKind::kDumped},
    {"not-dumped", ReportKind::kNotDumped},
    {"fault-done", ReportKind::kFaultDone},
    {"fault-not-done", ReportKind::kFaultNotDone},
    {"panicked", ReportKind::kPanicked},
    {"off", ReportKind::kOff},
    {"reset", ReportKind::kReset},
    {"triple-fault", ReportKind::kTripleFault},
    {"failed", ReportKind::kFailed},
    {"not-started", ReportKind::kNotStarted},
}};

constexpr std::array<std::pair<std::string_view, Command>, 9> kCommands{{
    {"pause", Command::kPause},
    {"resume", Command::kResume},
    {"power-button", Command::kPowerButton},
    {"look", Command::kLook},
    {"quit", Command::kQuit},
    {"dump", Command::kDump},
    {"fault", Command::kFault},
    {"balloon", Command::kBalloon},
    {"spare", Command::kSpare},
}};

template <typename Table, typename Value>
std::string_view name_of(const Table& table, Value wanted) {
  for (const auto& [name, value] : table) {
    if (value == wanted) return name;
  }
  return {};
}

template <typename Value, std::size_t N>
std::optional<Value> value_of(const std::array<std::pair<std::string_view, Value>, N>& table,
                              std::string_view wanted) {
  for (const auto& [name, value] : table) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

/// TEXT as a JSON object, or a value that is not an object.
Json parse_object(std::string_view text) {
  if (text.size() > kMaxMessage) return {};
  return Json::parse(text, nullptr, false);
}

/// The string member KEY of OBJECT, or null where it is missing or no string.
const std::string* string_member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

/// The number KEY of TEXT, which is a COMMAND.
std::optional<std::uint64_t> number_of(std::string_view text, Command command, const char* key) {
  const Json object = parse_object(text);
  const std::string* name = string_member(object, "command");
  if (name == nullptr || value_of(kCommands, *name) != command) return std::nullopt;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

}  // namespace

std::optional<Report> parse_report(std::string_view text) {
  const Json object = parse_object(text);
  const std::string* name = string_member(object, "report");
  if (name == nullptr) return std::nullopt;
  const std::optional<ReportKind> kind = value_of(kReports, *name);
  if (!kind) return std::nullopt;
  Report report{*kind, {}};
  if (object.contains("detail")) {
    const std::string* detail = string_member(object, "detail");
    if (detail == nullptr) return std::nullopt;
    report.detail = *detail;
  }
  return report;
}

std::string to_json(const Report& report) {
  Json object{{"report", name_of(kReports, report.kind)}};
  if (!report.detail.empty()) object["detail"] = report.detail;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Command> parse_command(std::string_view text) {
  const Json object = parse_object(text);
  const std::string* name = string_member(object, "command");
  return name == nullptr ? std::nullopt : value_of(kCommands, *name);
}

std::string to_json(Command command) {
  return Json{{"command", name_of(kCommands, command)}}.dump();
}

std::optional<std::uint32_t> parse_balloon(std::string_view text) {
  const auto pages = number_of(text, Command::kBalloon, "pages");
  if (!pages || *pages > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*pages);
}

std::string balloon_to_json(std::uint32_t pages) {
  return Json{{"command", name_of(kCommands, Command::kBalloon)}, {"pages", pages}}.dump();
}

std::optional<std::uint64_t> parse_spare(std::string_view text) {
  return number_of(text, Command::kSpare, "bytes");
}

std::string spare_to_json(std::uint64_t bytes) {
  return Json{{"command", name_of(kCommands, Command::kSpare)}, {"bytes", bytes}}.dump();
}

}  // namespace hive::cell
