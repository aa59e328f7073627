#include "vmm/plan/host_files.h"

#include <fmt/format.h>

#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

constexpr std::uint64_t kSector = 512;

/// What keeps a file from being used, and the remedy. Empty when nothing does.
struct Obstacle {
  std::string what;
  std::string remedy;
};

Obstacle folder_obstacle(const FileFacts& facts) {
  if (facts.kind != FileKind::kDirectory) return {"is not a folder", "name a folder"};
  if (!facts.writable) {
    return {"may not be written", "give your user permission to make files in it"};
  }
  return {};
}

Obstacle obstacle(const FileFacts& facts, const FileDemand& demand) {
  const bool serves = facts.kind == FileKind::kRegular ||
                      (demand.block_device && facts.kind == FileKind::kBlockDevice);
  if (facts.kind == FileKind::kMissing) return {"does not exist", std::string(demand.if_missing)};
  if (facts.kind == FileKind::kUnreachable) {
    return {"cannot be reached", "check that your user may enter each folder on the way to it"};
  }
  if (demand.folder) return folder_obstacle(facts);
  if (facts.kind == FileKind::kDirectory) return {"is a folder", "name a file in it"};
  if (!serves) {
    return {demand.block_device ? "is neither a regular file nor a block device"
                                : "is not a regular file",
            demand.block_device ? "name a raw image file or a disk" : "name a regular file"};
  }
  if (!facts.readable) return {"may not be read", "give your user permission to read it"};
  if (demand.write && !facts.writable) {
    return {"may not be written", "give your user permission to write it, or add 'readonly: true'"};
  }
  if (facts.kind == FileKind::kRegular && facts.size == 0) {
    return {"is empty", demand.block_device ? "give it a size with 'truncate -s 1G'"
                                            : "check that it was copied or built to the end"};
  }
  if (demand.block_device && facts.size % kSector != 0) {
    return {fmt::format("has {} bytes, not a multiple of {}", facts.size, kSector),
            "use a raw image, whole"};
  }
  return {};
}

}  // namespace

std::string HostFiles::resolve(const std::string& path) const {
  if (path.front() == '/') return path;
  std::string_view relative = path;
  while (relative.substr(0, 2) == "./") relative.remove_prefix(2);
  return folder_ + (folder_.back() == '/' ? "" : "/") + std::string(relative);
}

std::optional<FileFacts> HostFiles::require(const std::string& path, Position at,
                                            const FileDemand& demand) const {
  if (!is_clean(path) || path.size() > kMaxPathLength) {
    faults_.add(at, fmt::format("{} {} has a path that cannot be used", demand.what, quote(path)),
                "keep the plan and its files in folders with short names of plain characters");
    return std::nullopt;
  }
  const FileFacts facts = probe_.probe(path);
  Obstacle found = obstacle(facts, demand);
  if (found.what.empty()) return facts;
  faults_.add(at, fmt::format("{} {} {}", demand.what, quote(path), found.what),
              std::move(found.remedy));
  return std::nullopt;
}

}  // namespace hive::plan
