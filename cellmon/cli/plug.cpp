// hive plug: memory that a guest is lent beyond its own.
#include <fmt/format.h>

#include <memory>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/memory_request.h"

namespace hive::cli {
namespace {

int run_plug(const MemoryRequest& request) {
  const MemoryAnswer answer = send(request, "plug");
  fmt::print("{}: to have {} of {}, plugged in {}\n", answer.cell, answer.size("target"),
             answer.size("most"), answer.size("plugged"));
  return 0;
}

}  // namespace

void add_plug(CLI::App& app, int& exit_status) {
  auto request = std::make_shared<MemoryRequest>();
  CLI::App* command =
      app.add_subcommand("plug", "Have a guest plug in memory beyond its own, or give it back");
  add_memory_request(*command, *request,
                     "How much memory beyond its own the guest is to have, as 128MiB");
  command->callback([request, &exit_status] { exit_status = run_plug(*request); });
}

}  // namespace hive::cli
