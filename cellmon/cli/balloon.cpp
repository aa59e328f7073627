// hive balloon: memory that a guest gives back to the host.
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

struct BalloonOptions {
  std::string cell;
  std::string size;  ///< Empty: only tell.
};

int run_balloon(const BalloonOptions& options) {
  Json params = Json::object();
  if (!options.size.empty()) {
    const auto bytes =
        options.size == "0" ? std::optional<std::uint64_t>(0) : parse_size(options.size);
    if (!bytes) {
      throw Error("\"" + options.size + "\" is no size; write it as 64MiB, or 0 for none",
                  Error::Kind::kUsage);
    }
    params["bytes"] = *bytes;
  }
  const wire::CellAddress cell = find_cell(options.cell);
  auto client = RpcClient::connect(cell);
  if (!client) throw lost_monitor(cell);
  const Json answer = client->call("balloon", params);
  const auto bytes_of = [&](const char* key) {
    const Json value = answer.is_object() ? answer.value(key, Json()) : Json();
    if (!value.is_number_unsigned()) throw Error("the monitor's answer is not understood");
    return format_size(value.get<std::uint64_t>());
  };
  fmt::print("{}: to give back {}, given {}\n", cell.full_name(), bytes_of("target"),
             bytes_of("given"));
  return 0;
}

}  // namespace

void add_balloon(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<BalloonOptions>();
  CLI::App* command =
      app.add_subcommand("balloon", "Have a guest give memory back to the host, or take it again");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL")->required();
  command->add_option("SIZE", options->size,
                      "How much of its memory the guest is to give back, as 64MiB; 0: none. "
                      "Without it: tell how much that is");
  command->callback([options, &exit_status] { exit_status = run_balloon(*options); });
}

}  // namespace hive::cli
