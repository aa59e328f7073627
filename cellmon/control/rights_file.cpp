#include "cellmon/control/rights_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <vector>

#include "vmm/base/error.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

constexpr std::uint64_t kWord = sizeof(std::uint64_t);

}  // namespace

UniqueFd make_rights_file(const firewall::SectionRights& rights, std::uint64_t pages) {
  const std::uint64_t size = firewall::count_words(firewall::holders_of(rights), pages) * kWord;
  if (size > kMaxRightsBytes) {
    throw Error(fmt::format("the rights to {} pages take {} bytes, more than {}", pages, size,
                            kMaxRightsBytes));
  }
  const std::vector<std::uint64_t> words = firewall::encode_rights(rights, pages);
  UniqueFd file = memory::make_shared_file("hive section rights", size);
  if (::pwrite(file.get(), words.data(), size, 0) != static_cast<ssize_t>(size)) {
    throw_errno("cannot write the rights to a section");
  }
  return file;
}

std::optional<firewall::SectionRights> read_rights_file(int file, firewall::WriterSet holders,
                                                        std::uint64_t pages) {
  if (pages > firewall::Ledger::kMaxPages) return std::nullopt;
  const std::uint64_t size = firewall::count_words(holders, pages) * kWord;
  if (size > kMaxRightsBytes || !memory::is_shared_file(file, size)) return std::nullopt;
  std::vector<std::uint64_t> words(size / kWord);
  if (::pread(file, words.data(), size, 0) != static_cast<ssize_t>(size)) return std::nullopt;
  return firewall::decode_rights(words, holders, pages);
}

}  // namespace hive::control
