#include "guests/sdk/pci_function.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "guests/abi/global_memory.h"
#include "vmm/base/unique_fd.h"

namespace hive::sdk {
namespace {

/// The number in a small file, such as "0x1af4".
std::optional<unsigned long> read_number(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 32> text{};
  const ssize_t count = ::read(fd.get(), text.data(), text.size() - 1);
  if (count <= 0) return std::nullopt;
  char* end = nullptr;
  const unsigned long number = std::strtoul(text.data(), &end, 0);
  return end == text.data() ? std::nullopt : std::optional(number);
}

bool has_ids(const std::string& folder) {
  return read_number(folder + "/vendor") == HIVE_GLOBAL_VENDOR &&
         read_number(folder + "/device") == HIVE_GLOBAL_DEVICE &&
         read_number(folder + "/revision") == HIVE_GLOBAL_REVISION;
}

}  // namespace

Result<std::vector<PciFunction>> find_functions(const std::string& folder,
                                                const std::string& name) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (!listing) return system_failure("cannot list " + folder, errno);
  std::vector<PciFunction> found;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string function = entry->d_name;
    const std::string path = folder + "/" + function;
    if (function[0] == '.' || (!name.empty() && function != name)) continue;
    if (has_ids(path)) found.push_back({function, path});
  }
  std::sort(found.begin(), found.end(),
            [](const PciFunction& a, const PciFunction& b) { return a.name < b.name; });
  return found;
}

Result<Done> enable(const PciFunction& function) {
  const std::string path = function.folder + "/enable";
  if (read_number(path).value_or(0) > 0) return Done{};
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // EBUSY: a driver has it, and has enabled it.
  if (!fd || (::write(fd.get(), "1", 1) != 1 && errno != EBUSY)) {
    return system_failure("cannot enable PCI function " + function.name, errno);
  }
  return Done{};
}

}  // namespace hive::sdk
