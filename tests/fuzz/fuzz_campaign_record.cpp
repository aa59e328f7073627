// Records of runs, and reports of micro guests, which are text that anything may have written. A
// record that is read survives its line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cellmon/campaign/micro_check.h"
#include "cellmon/campaign/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hive::campaign;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ReadRecords read = read_records(text);
  if (read.whole > size) std::abort();
  for (const Record& record : read.records) {
    const auto again = parse_line(to_line(record));
    if (!again || to_line(*again) != to_line(record)) std::abort();
  }
  const auto report = parse_report(text);
  if (report && fault_of(*report, report->seed, report->words + 1).empty()) std::abort();
  return 0;
}
