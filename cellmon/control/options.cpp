#include "cellmon/control/options.h"

#include <charconv>
#include <string_view>

#include "vmm/base/error.h"

namespace hive::control {
namespace {

constexpr std::string_view kUsage =
    "usage: hive-cellmon --plan-fd N --ready-fd N --cell INDEX --run-dir DIR [--life N]\n"
    "       [--heritage-fd N] [--vmm PROGRAM]\n"
    "hive-cellmon is started by `hive up`, once per cell, and by other cells' monitors";

[[noreturn]] void refuse(const std::string& why) {
  throw Error(why + "\n" + std::string(kUsage), Error::Kind::kUsage);
}

template <typename Number>
Number number(std::string_view option, std::string_view text) {
  Number value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || rest != text.data() + text.size() || value < 0) {
    refuse(std::string(option) + ": not a number: " + std::string(text));
  }
  return value;
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view option = arguments[i];
    if (i + 1 == arguments.size()) refuse(std::string(option) + ": no value, or no such option");
    const std::string_view value = arguments[i + 1];
    if (option == "--plan-fd") {
      options.plan_fd = number<int>(option, value);
    } else if (option == "--ready-fd") {
      options.ready_fd = number<int>(option, value);
    } else if (option == "--cell") {
      options.cell = number<std::size_t>(option, value);
    } else if (option == "--run-dir") {
      options.run_dir = value;
    } else if (option == "--life") {
      options.life = number<std::uint64_t>(option, value);
    } else if (option == "--heritage-fd") {
      options.heritage_fd = number<int>(option, value);
    } else if (option == "--vmm") {
      options.vmm = value;
    } else {
      refuse("no such option: " + std::string(option));
    }
  }
  if (options.life == 0) refuse("--life: lives count from 1");
  if (options.plan_fd < 0 || options.ready_fd < 0 || options.run_dir.empty()) {
    refuse("--plan-fd, --ready-fd and --run-dir are required");
  }
  return options;
}

}  // namespace hive::control
