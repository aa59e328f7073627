#include "cellmon/campaign/record.h"

#include <initializer_list>
#include <utility>

#include "cellmon/wire/json_rpc.h"

namespace hive::campaign {
namespace {

using wire::Json;

using TimeMember = std::optional<std::int64_t> Times::*;
constexpr std::initializer_list<std::pair<const char*, TimeMember>> kTimes{
    {"detection", &Times::detection}, {"everywhere", &Times::everywhere},
    {"agreement", &Times::agreement}, {"recovery", &Times::recovery},
    {"pause", &Times::pause},         {"rejoin", &Times::rejoin}};

std::optional<std::uint64_t> unsigned_member(const Json& json, const char* key) {
  const auto value = wire::number_member(json, key);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

bool read_times(const Json& json, Times& times) {
  if (!json.is_object()) return false;
  for (const auto& [name, member] : kTimes) {
    if (!json.contains(name)) continue;
    times.*member = wire::number_member(json, name);
    if (!(times.*member) || *(times.*member) < 0) return false;
  }
  return true;
}

bool read_parameters(const Json& json, inject::Values& values) {
  if (!json.is_object()) return false;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return false;
    values[name] = value.get<std::string>();
  }
  return true;
}

bool read_texts(const Json& json, std::vector<std::string>& texts) {
  if (!json.is_array()) return false;
  for (const Json& each : json) {
    if (!each.is_string()) return false;
    texts.push_back(each.get<std::string>());
  }
  return true;
}

bool read_earlier(const Json& json, std::vector<std::uint64_t>& earlier) {
  if (!json.is_array()) return false;
  for (const Json& each : json) {
    if (!each.is_number_unsigned()) return false;
    earlier.push_back(each.get<std::uint64_t>());
  }
  return true;
}

bool read_flag(const Json& json, const char* key, bool& flag) {
  if (!json.contains(key) || !json[key].is_boolean()) return false;
  flag = json[key].get<bool>();
  return true;
}

bool read_draw(const Json& json, Draw& drawn) {
  const auto run = unsigned_member(json, "run");
  const auto delay = unsigned_member(json, "delay_ms");
  const bool numbers =
      run && delay && *delay <= static_cast<std::uint64_t>(inject::kLongest.count());
  if (!numbers) return false;
  drawn.run = *run;
  drawn.delay = Milliseconds(*delay);
  drawn.fault = wire::text_member(json, "fault");
  drawn.group = wire::text_member(json, "class");
  drawn.paper_row = wire::text_member(json, "paper");
  drawn.meanwhile = wire::text_member(json, "meanwhile");
  drawn.cell = wire::text_member(json, "cell");
  return !drawn.fault.empty() && !drawn.cell.empty() &&
         read_parameters(json.value("parameters", Json()), drawn.parameters);
}

}  // namespace

std::string to_line(const Record& record) {
  Json times = Json::object();
  for (const auto& [name, member] : kTimes) {
    if (record.times.*member) times[name] = *(record.times.*member);
  }
  const Draw& drawn = record.drawn;
  const Json json{{"campaign", record.campaign},
                  {"seed", record.seed},
                  {"run", drawn.run},
                  {"fault", drawn.fault},
                  {"class", drawn.group},
                  {"paper", drawn.paper_row},
                  {"cell", drawn.cell},
                  {"parameters", drawn.parameters},
                  {"meanwhile", drawn.meanwhile},
                  {"delay_ms", drawn.delay.count()},
                  {"outcome", to_string(record.outcome)},
                  {"reasons", record.reasons},
                  {"evidence", record.evidence},
                  {"put_out", record.put_out},
                  {"before_fault", record.before_fault},
                  {"unchecked", record.unchecked},
                  {"times_us", std::move(times)},
                  {"earlier", record.earlier},
                  {"wall_ns", record.wall_ns},
                  {"took_ms", record.took_ms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Record> parse_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Record record;
  const auto seed = unsigned_member(json, "seed");
  const auto outcome = parse_outcome(wire::text_member(json, "outcome"));
  const auto wall = wire::number_member(json, "wall_ns");
  const auto took = unsigned_member(json, "took_ms");
  const bool is_whole = seed && outcome && wall && took && read_draw(json, record.drawn) &&
                        read_times(json.value("times_us", Json()), record.times) &&
                        read_texts(json.value("reasons", Json()), record.reasons) &&
                        read_texts(json.value("unchecked", Json()), record.unchecked) &&
                        read_earlier(json.value("earlier", Json()), record.earlier) &&
                        read_flag(json, "put_out", record.put_out) &&
                        read_flag(json, "before_fault", record.before_fault);
  if (!is_whole) return std::nullopt;
  record.campaign = wire::text_member(json, "campaign");
  record.seed = *seed;
  record.outcome = *outcome;
  record.evidence = wire::text_member(json, "evidence");
  record.wall_ns = *wall;
  record.took_ms = *took;
  return record;
}

ReadRecords read_records(std::string_view text) {
  ReadRecords read;
  std::size_t number = 0;
  while (read.whole < text.size()) {
    const std::size_t end = text.find('\n', read.whole);
    if (end == std::string_view::npos) break;
    ++number;
    auto record = parse_line(text.substr(read.whole, end - read.whole));
    if (record) {
      read.records.push_back(std::move(*record));
    } else if (read.bad_line == 0) {
      read.bad_line = number;
    }
    read.whole = end + 1;
  }
  return read;
}

}  // namespace hive::campaign
