#include "cellmon/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

std::string refusal(const std::vector<const char*>& arguments) {
  int exit_status = 0;
  CLI::App app;
  for (const auto& add : {add_check, add_status, add_reboot}) add(app, exit_status);
  std::vector<const char*> all{"hive"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  try {
    refuse_unknown_command(app, static_cast<int>(all.size()), all.data());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kUsage);
    return error.what();
  }
  return "";
}

TEST(CommandLine, NamesTheCommandThatIsMeant) {
  EXPECT_EQ(refusal({"stauts"}), "unknown command 'stauts'; did you mean 'status'?");
  EXPECT_EQ(refusal({"stat", "x"}), "unknown command 'stat'; did you mean 'status'?");
  EXPECT_EQ(refusal({"explode"}),
            "unknown command 'explode'; the commands are check, status, reboot");
  EXPECT_EQ(refusal({""}), "unknown command ''; the commands are check, status, reboot");
  EXPECT_EQ(refusal({"\x1b[2J"}),
            "unknown command '\\x1b[2J'; the commands are check, status, reboot");
}

TEST(CommandLine, TakesCommandsAndOptions) {
  EXPECT_EQ(refusal({"status"}), "");
  EXPECT_EQ(refusal({"reboot", "stauts"}), "");
  EXPECT_EQ(refusal({"--help"}), "");
  EXPECT_EQ(refusal({}), "");
}

TEST(CommandLine, NamesTheProgramInItsFaults) {
  const CLI::ParseError error("A subcommand is required", 106);
  EXPECT_EQ(describe_usage_error(nullptr, error),
            "hive: A subcommand is required\nRun with --help for more information.\n");
}

}  // namespace
}  // namespace hive::cli
