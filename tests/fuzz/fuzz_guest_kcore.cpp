// The head and the notes of a guest's /proc/kcore, which its agent reads.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "guests/agent/kernel/kcore.h"
#include "vmm/base/error.h"

namespace {

using hive::agent::kernel::CoreHeader;

void require(bool condition) {
  if (!condition) std::abort();
}

void look(std::string_view file) {
  const CoreHeader header = hive::agent::kernel::parse_core_header(file);
  for (const auto& segment : header.segments) {
    require(segment.addresses.size != 0);
    require(segment.addresses.start + segment.addresses.size - 1 >= segment.addresses.start);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view note = hive::agent::kernel::find_task_note(bytes);
  require(note.empty() ||
          (note.data() >= bytes.data() && note.data() + note.size() <= bytes.data() + size));
  try {
    look(bytes);
  } catch (const hive::Error&) {
    return 0;
  }
  return 0;
}
