#include "vmm/dump/vmcoreinfo.h"

#include <elf.h>

#include <cstring>
#include <string_view>

#include "vmm/base/units.h"
#include "vmm/dump/core_file.h"

namespace hive::dump {

std::optional<std::size_t> vmcoreinfo_size(std::span<const std::byte> page) {
  using std::literals::string_view_literals::operator""sv;
  constexpr std::string_view kName = "VMCOREINFO\0"sv;
  constexpr std::string_view kBeginning = "VMCOREINFO\0\0OSRELEASE="sv;
  Elf64_Nhdr header{};
  if (page.size() < sizeof header + kBeginning.size()) return std::nullopt;
  std::memcpy(&header, page.data(), sizeof header);
  if (header.n_namesz != kName.size() || header.n_type != 0) return std::nullopt;
  if (std::memcmp(page.data() + sizeof header, kBeginning.data(), kBeginning.size()) != 0) {
    return std::nullopt;
  }
  const std::size_t size =
      sizeof header + align_up(kName.size(), 4) + align_up(std::uint64_t{header.n_descsz}, 4);
  if (size > kMaxVmcoreinfo) return std::nullopt;
  return size;
}

}  // namespace hive::dump
