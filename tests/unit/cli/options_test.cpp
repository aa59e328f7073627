// The bounds of options: refused before anything is done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/log_level.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

/// Parses a command line as main() does; what it is refused for, or "accepted" when it ran.
std::string refusal(std::vector<std::string> arguments) {
  int exit_status = 0;
  CLI::App app;
  add_up(app, exit_status);
  add_down(app, exit_status);
  add_reboot(app, exit_status);
  add_memory(app, exit_status);
  add_firewall(app, exit_status);
  add_rpc(app, exit_status);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  } catch (const std::exception&) {
    return "accepted";  // There is no such machine.
  }
  return "accepted";
}

TEST(SecondsOptions, RefuseWhatNoClockCounts) {
  const std::vector<std::vector<std::string>> commands = {{"up", "/no/such/plan", "--timeout"},
                                                          {"down", "no-such", "--timeout"},
                                                          {"reboot", "no-such", "--timeout"},
                                                          {"reboot", "no-such", "--grace"}};
  for (const auto& command : commands) {
    for (const char* value : {"1e300", "86401", "inf", "nan", "-1", "soon", ""}) {
      auto arguments = command;
      arguments.emplace_back(value);
      EXPECT_THAT(refusal(arguments),
                  testing::HasSubstr(command.back() + ": a number of seconds from 0 to 86400"))
          << value;
    }
    for (const char* value : {"0", "0.5", "86400"}) {
      auto arguments = command;
      arguments.emplace_back(value);
      EXPECT_EQ(refusal(arguments), "accepted") << value;
    }
  }
}

/// The kind of error that a command line ends in.
Error::Kind kind_of_fault(std::vector<std::string> arguments) {
  int exit_status = 0;
  CLI::App app;
  add_firewall(app, exit_status);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no fault";
  return Error::Kind::kFailed;
}

TEST(FirewallOptions, NeedACommandCellsAndPages) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"firewall"},
                                             {"firewall", "explode"},
                                             {"firewall", "grant"},
                                             {"firewall", "grant", "alpha", "beta"},
                                             {"firewall", "revoke", "alpha", "beta", "1", "2"},
                                             {"firewall", "list", "alpha", "beta"}}) {
    EXPECT_NE(refusal(arguments), "accepted");
  }
  EXPECT_EQ(refusal({"firewall", "list", "no-such", "--cell", "x", "--section", "s", "--written",
                     "--json"}),
            "accepted");
  EXPECT_EQ(refusal({"firewall", "grant", "no-such", "--section", "s", "beta", "0-7:1/2"}),
            "accepted");
  EXPECT_EQ(refusal({"memory", "no-such", "--json"}), "accepted");
  EXPECT_EQ(refusal({"rpc", "no-such", "--json"}), "accepted");
  EXPECT_NE(refusal({"rpc", "one", "two"}), "accepted");
}

TEST(FirewallOptions, ThatAreUsedWronglyAreFaultsOfUse) {
  EXPECT_EQ(kind_of_fault({"firewall", "grant", "no-such", "beta", "7-1"}), Error::Kind::kUsage);
  EXPECT_EQ(kind_of_fault({"firewall", "revoke", "no-such", "beta", ""}), Error::Kind::kUsage);
  EXPECT_EQ(kind_of_fault({"firewall", "list", "--section", "s"}), Error::Kind::kUsage);
  EXPECT_EQ(kind_of_fault({"firewall", "grant", "no-such", "beta", "1"}), Error::Kind::kFailed);
}

TEST(LogLevel, IsOneThatVmmsKnow) {
  for (const char* level : {"trace", "debug", "info", "warn", "error", "off", ""}) {
    ::setenv("HIVE_LOG", level, 1);
    EXPECT_NO_THROW(check_log_level()) << level;
  }
  ::setenv("HIVE_LOG", "verbose", 1);
  EXPECT_THROW(check_log_level(), Error);
  ::unsetenv("HIVE_LOG");
  EXPECT_NO_THROW(check_log_level());
}

}  // namespace
}  // namespace hive::cli
