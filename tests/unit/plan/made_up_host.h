// A host for the plan's tests, made of values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/base/units.h"
#include "vmm/plan/check.h"

namespace hive::plan::testing {

/// Files by absolute path. With `everything`, any other path is a file of its own, or a folder
/// where its name says so.
class MadeUpFiles : public FileProbe {
 public:
  std::map<std::string, FileFacts> files;
  bool everything = false;

  [[nodiscard]] FileFacts probe(const std::string& path) const override {
    const auto found = files.find(path);
    if (found != files.end()) return found->second;
    if (!everything) return {};
    if (path.find("folder") != std::string::npos) return {FileKind::kDirectory, true, true, {}, 0};
    return {FileKind::kRegular, true, true, {99, std::hash<std::string>{}(path)}, kMiB};
  }
};

/// A regular file that can be read and written.
inline FileFacts regular(std::uint64_t inode, std::uint64_t size = kMiB) {
  return {FileKind::kRegular, true, true, {1, inode}, size};
}

/// Two NUMA nodes with CPUs 0-1 and 4-5, 1 GiB in all; Debian's image and a few files in /m, which
/// is the folder of the plan file.
struct MadeUpHost {
  HostTopology topology{{{0, {0, 1}, 512 * kMiB}, {1, {4, 5}, 512 * kMiB}}};
  MadeUpFiles files;

  MadeUpHost() {
    files.files = {
        {"/images/debian/vmlinux", regular(1, 20 * kMiB)},
        {"/images/debian/initrd.cpio", regular(2, 4 * kMiB)},
        {"/boot/vmlinuz", regular(3, 8 * kMiB)},
        {"/m/my.cpio", regular(4, 5 * kMiB)},
        {"/m/a.img", regular(5)},
        {"/m/b.img", regular(6)},
        {"/m/link-to-a.img", regular(5)},
        {"/m/folder", {FileKind::kDirectory, true, true, {1, 7}, 0}},
        {"/m/sealed", {FileKind::kDirectory, true, false, {1, 14}, 0}},
        {"/m/secret", {FileKind::kRegular, false, false, {1, 8}, kMiB}},
        {"/m/frozen.img", {FileKind::kRegular, true, false, {1, 9}, kMiB}},
        {"/m/locked/x", {FileKind::kUnreachable, false, false, {}, 0}},
        {"/m/pipe", {FileKind::kOther, true, true, {1, 10}, 0}},
        {"/m/empty", regular(11, 0)},
        {"/m/odd.img", regular(12, 1000)},
        {"/dev/sdz", {FileKind::kBlockDevice, true, true, {0x800, 0}, 0}},
        {"/dev/disk/by-id/z", {FileKind::kBlockDevice, true, true, {0x800, 0}, 0}},
        {"/programs/wax.elf", regular(14, 60 * kKiB)},
        {"/m/big.cpio", regular(13, 200 * kMiB)},
    };
  }

  [[nodiscard]] CheckResult check(std::string_view yaml) const {
    return check_machine({yaml, "/m"}, {topology, files, "/images", "/programs"});
  }

  /// The faults of YAML as they are printed, for a file named "f".
  [[nodiscard]] std::vector<std::string> faults(std::string_view yaml) const {
    std::vector<std::string> lines;
    for (const Fault& fault : check(yaml).faults) lines.push_back(describe(fault, "f"));
    return lines;
  }
};

}  // namespace hive::plan::testing
