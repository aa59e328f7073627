#include "cellmon/cli/command_line.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/text.h"

namespace hive::cli {

void refuse_unknown_command(const CLI::App& app, int argc, const char* const* argv) {
  const std::string_view word = argc > 1 ? argv[1] : "-";
  if (!word.empty() && word.front() == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return;
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::string remedy;
  if (const auto nearest = plan::nearest_word(word, known)) {
    remedy = "did you mean '" + std::string(*nearest) + "'?";
  } else {
    for (const std::string& name : names) remedy += (remedy.empty() ? "" : ", ") + name;
    remedy = "the commands are " + remedy;
  }
  throw Error("unknown command " + plan::quote(word) + "; " + remedy, Error::Kind::kUsage);
}

std::string describe_usage_error(const CLI::App* /*app*/, const CLI::Error& error) {
  return std::string("hive: ") + error.what() + "\nRun with --help for more information.\n";
}

}  // namespace hive::cli
