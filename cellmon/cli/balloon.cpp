// hive balloon: memory that a guest gives back to the host.
#include <fmt/format.h>

#include <memory>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/memory_request.h"

namespace hive::cli {
namespace {

int run_balloon(const MemoryRequest& request) {
  const MemoryAnswer answer = send(request, "balloon");
  fmt::print("{}: to give back {}, given {}\n", answer.cell, answer.size("target"),
             answer.size("given"));
  return 0;
}

}  // namespace

void add_balloon(CLI::App& app, int& exit_status) {
  auto request = std::make_shared<MemoryRequest>();
  CLI::App* command =
      app.add_subcommand("balloon", "Have a guest give memory back to the host, or take it again");
  add_memory_request(*command, *request,
                     "How much of its memory the guest is to give back, as 64MiB");
  command->callback([request, &exit_status] { exit_status = run_balloon(*request); });
}

}  // namespace hive::cli
