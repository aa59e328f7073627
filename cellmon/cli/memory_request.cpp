#include "cellmon/cli/memory_request.h"

#include <cstdint>
#include <optional>

#include "cellmon/cli/machines.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cli {

void add_memory_request(CLI::App& command, MemoryRequest& request, const std::string& size) {
  command.add_option("CELL", request.cell, "CELL or MACHINE/CELL")->required();
  command.add_option("SIZE", request.size, size + "; 0: none. Without it: tell how much that is");
}

std::string MemoryAnswer::size(const char* key) const {
  const Json value = answer.is_object() ? answer.value(key, Json()) : Json();
  if (!value.is_number_unsigned()) throw Error("the monitor's answer is not understood");
  return format_size(value.get<std::uint64_t>());
}

MemoryAnswer send(const MemoryRequest& request, const std::string& method) {
  Json params = Json::object();
  if (!request.size.empty()) {
    const auto bytes =
        request.size == "0" ? std::optional<std::uint64_t>(0) : parse_size(request.size);
    if (!bytes) {
      throw Error("\"" + request.size + "\" is no size; write it as 64MiB, or 0 for none",
                  Error::Kind::kUsage);
    }
    params["bytes"] = *bytes;
  }
  const wire::CellAddress cell = find_cell(request.cell);
  return {cell.full_name(), RpcClient::reach(cell).call(method, params)};
}

}  // namespace hive::cli
