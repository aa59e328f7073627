// Plan files: whatever the text, the check ends with a plan or faults, and a plan survives its
// JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vmm/base/units.h"
#include "vmm/plan/check.h"
#include "vmm/plan/json.h"
#include "vmm/plan/text.h"

namespace {

using namespace hive::plan;

/// A file for every path, its facts drawn from the path's bytes.
class AnyFile : public FileProbe {
 public:
  [[nodiscard]] FileFacts probe(const std::string& path) const override {
    if (path.substr(0, 8) == "/images/")
      return {FileKind::kRegular, true, true, {1, 1}, hive::kMiB};
    const auto last = static_cast<unsigned char>(path.back());
    const auto kind = last % 16 < 6 ? static_cast<FileKind>(last % 16) : FileKind::kRegular;
    return {kind, last != 'r', last != 'w', {2, path.size()}, last * 512ULL};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const HostTopology host{{{0, {0, 1}, hive::kGiB}, {1, {4, 5}, hive::kGiB}}};
  const AnyFile files;
  const CheckResult result = check_machine({text, "/m"}, {host, files, "/images", "/programs"});
  if (result.machine.has_value() == !result.faults.empty()) std::abort();
  for (const Fault& fault : result.faults) {
    if (!is_clean(describe(fault, "f"))) std::abort();
  }
  if (result.machine && parse_machine(to_json(*result.machine)) != *result.machine) std::abort();
  return 0;
}
