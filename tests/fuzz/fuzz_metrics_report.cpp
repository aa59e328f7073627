// What a monitor may tell `hive metrics`: whatever it is, the answer is well formed.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "cellmon/metrics/exposition.h"

namespace {

using namespace hive;

void check(bool holds) {
  if (!holds) std::abort();
}

/// A comment, or a name with labels and one number.
void check_line(std::string_view line) {
  if (line.starts_with("# HELP hive_") || line.starts_with("# TYPE hive_")) return;
  check(line.starts_with("hive_"));
  const std::size_t open = line.find('{');
  const std::size_t close = line.rfind("} ");
  check(open != std::string_view::npos && close != std::string_view::npos && open < close);
  const std::string value(line.substr(close + 2));
  char* end = nullptr;
  (void)std::strtod(value.c_str(), &end);
  check(!value.empty() && *end == '\0');
  for (const char each : line) check(each >= ' ' && each <= '~');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const wire::Json json = wire::Json::parse(text, nullptr, false);
  auto report = metrics::parse_report(json);
  if (!report) return 0;
  check(metrics::parse_report(metrics::to_json(*report)).has_value());
  const metrics::CellReport cell{"machine", "cell", "", std::move(*report)};
  const std::string exposition = metrics::format_prometheus({&cell, 1});
  check(exposition.empty() || exposition.back() == '\n');
  for (std::string_view rest = exposition; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    check_line(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  (void)metrics::to_json({&cell, 1}).dump();
  return 0;
}
