#include "vmm/plan/planned_cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "vmm/base/units.h"
#include "vmm/plan/cpu_list.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/planned_ports.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

constexpr std::string_view kDebian = "debian";
constexpr std::string_view kNone = "none";
constexpr std::string_view kMakeImages = "run 'scripts/dev images' to make it";

/// Fills in one cell, part by part.
class Planner {
 public:
  Planner(PlannedCell& planned, const Environment& environment, const HostFiles& files,
          FaultList& faults)
      : cell_(planned.cell),
        keys_(planned.keys),
        storage_(planned.storage),
        environment_(environment),
        files_(files),
        faults_(faults) {}

  void plan_cpus();
  void plan_memory();
  void plan_reserve();
  void plan_hosted();
  void plan_spare();
  void plan_boot();
  void plan_cmdline();
  void plan_disks();
  void plan_crash_dump();

 private:
  std::optional<FileFacts> plan_kernel();
  std::optional<FileFacts> plan_initrd();
  /// The place of FIELD, or that of the cell when the field was left out.
  template <typename T>
  [[nodiscard]] Position place(const Field<T>& field) const {
    return field.given ? field.at : keys_.at;
  }

  Cell& cell_;
  const CellKeys& keys_;
  std::vector<std::optional<FileIdentity>>& storage_;
  const Environment& environment_;
  const HostFiles& files_;
  FaultList& faults_;
  bool debian_kernel_ = false;
  bool debian_initrd_ = false;
};

void Planner::plan_cpus() {
  cell_.cpu_weight = keys_.cpu_weight.value.value_or(kDefaultCpuWeight);
  if (!keys_.cpus.value) return;
  cell_.vcpus = keys_.cpus.value->count;
  cell_.host_cpus = keys_.cpus.value->host_cpus;

  const std::vector<unsigned> present = environment_.host.cpus();
  std::vector<unsigned> wanted = cell_.host_cpus;
  std::sort(wanted.begin(), wanted.end());
  std::vector<unsigned> absent;
  std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(),
                      std::back_inserter(absent));
  if (!absent.empty()) {
    faults_.add(keys_.cpus.at, fmt::format("the host has no CPU {}", format_cpu_list(absent)),
                fmt::format("choose from its CPUs, {}", format_cpu_list(present)));
  } else if (cell_.vcpus > present.size() && !keys_.overcommit_cpus.value.value_or(false)) {
    faults_.add(keys_.cpus.at,
                fmt::format("{} vCPUs are more than the host's {}", cell_.vcpus, present.size()),
                fmt::format("ask for at most {}, or add 'overcommit_cpus: true'", present.size()));
  }
}

void Planner::plan_memory() {
  cell_.on_failure = keys_.on_failure.value.value_or(OnFailure::kLeave);
  cell_.memory = keys_.memory.value.value_or(0);
  cell_.shared = keys_.shared.value.value_or(0);
  cell_.huge_pages = keys_.huge_pages.value.value_or(HugePages::kAutomatic);
  if (!keys_.memory.given) {
    faults_.add(
        keys_.at, "a cell lacks the key 'memory'",
        fmt::format("add 'memory: ', {}, here or under 'defaults'", describe(KeyType::kSize)));
  }
  const std::uint64_t host = environment_.host.memory();
  if (cell_.memory > host) {
    faults_.add(keys_.memory.at,
                fmt::format("{} of memory are more than the host's {}MiB",
                            format_size(cell_.memory), host / kMiB),
                "give the cell less");
  } else if (cell_.shared > host - cell_.memory) {
    const std::string beside =
        cell_.memory == 0 ? "" : fmt::format("{} of memory and ", format_size(cell_.memory));
    faults_.add(keys_.shared.at,
                fmt::format("{}{} of global memory are more than the host's {}MiB", beside,
                            format_size(cell_.shared), host / kMiB),
                "give the cell less");
  }
}

void Planner::plan_reserve() {
  if (keys_.policy.given) {
    faults_.add(keys_.policy.at, "only the cell that runs Wax has a policy",
                "leave it out, or add 'role: policy'");
  }
  cell_.reserve = keys_.reserve.value.value_or(align_up(cell_.memory / 2, kMemoryStep));
  if (cell_.reserve <= cell_.memory || !keys_.memory.value) return;
  faults_.add(keys_.reserve.at,
              fmt::format("a reserve of {} is more than the cell's {} of memory",
                          format_size(cell_.reserve), format_size(cell_.memory)),
              "keep less, or give the cell more");
}

void Planner::plan_hosted() {
  cell_.hosted = keys_.hosted.value.value_or(align_down(cell_.shared / 2, kPageSize));
  if (cell_.hosted <= cell_.shared || (keys_.shared.given && !keys_.shared.value)) return;
  // Under 'defaults' it is for those cells that share.
  if (!keys_.shared.given) {
    cell_.hosted = 0;
    return;
  }
  faults_.add(keys_.hosted.at,
              fmt::format("{} for other cells' sections are more than the {} that the cell shares",
                          format_size(cell_.hosted), format_size(cell_.shared)),
              "let others have less, or share more");
}

void Planner::plan_spare() {
  const std::uint64_t most = keys_.max_memory.value.value_or(cell_.memory);
  if (cell_.memory == 0 || most == cell_.memory) return;
  const std::uint64_t host = environment_.host.memory();
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    faults_.add(keys_.max_memory.at, what, remedy);
  };
  if (most < cell_.memory) {
    refuse(fmt::format("max_memory of {} is less than the cell's memory of {}", format_size(most),
                       format_size(cell_.memory)),
           "write as much or more, or leave it out");
  } else if (cell_.huge_pages == HugePages::kReserved) {
    refuse("memory of reserved huge pages cannot be lent",
           "leave 'max_memory' out, or drop 'hugepages: reserved'");
  } else if (most > host && cell_.memory <= host) {
    refuse(fmt::format("max_memory of {} is more than the host's {}MiB", format_size(most),
                       host / kMiB),
           "let the cell grow less");
  } else if (most - cell_.memory > kMaxSpare) {
    refuse(fmt::format("{} are too much to lend to a cell", format_size(most - cell_.memory)),
           fmt::format("let it grow by {} at most", format_size(kMaxSpare)));
  } else {
    cell_.spare = most - cell_.memory;
  }
}

std::optional<FileFacts> Planner::plan_kernel() {
  if (keys_.kernel.given && !keys_.kernel.value) return std::nullopt;
  const std::string kernel = keys_.kernel.value.value_or(std::string(kDebian));
  debian_kernel_ = kernel == kDebian;
  cell_.kernel = debian_kernel_ ? environment_.images + "/debian/vmlinux" : files_.resolve(kernel);
  const std::string_view remedy =
      debian_kernel_ ? kMakeImages : "check the path, or write 'debian' for Debian's kernel";
  return files_.require(cell_.kernel, place(keys_.kernel), {"kernel", remedy});
}

std::optional<FileFacts> Planner::plan_initrd() {
  if (keys_.initrd.given ? keys_.initrd.value == kNone : !debian_kernel_) return FileFacts{};
  if (keys_.initrd.given && !keys_.initrd.value) return std::nullopt;
  debian_initrd_ = !keys_.initrd.given;
  cell_.initrd = debian_initrd_ ? environment_.images + "/debian/initrd.cpio"
                                : files_.resolve(*keys_.initrd.value);
  const std::string_view remedy =
      debian_initrd_ ? kMakeImages : "check the path, or write 'none' to boot without";
  return files_.require(cell_.initrd, debian_initrd_ ? place(keys_.kernel) : keys_.initrd.at,
                        {"initrd", remedy});
}

void Planner::plan_boot() {
  const auto kernel = plan_kernel();
  const auto initrd = plan_initrd();
  cell_.agent = keys_.agent.value.value_or(debian_initrd_);
  cell_.watchdog = keys_.watchdog.value.value_or(cell_.agent ? kDefaultWatchdog : 0);
  if (!kernel || !initrd || cell_.memory == 0) return;
  if (kernel->size < cell_.memory && initrd->size < cell_.memory - kernel->size) return;
  faults_.add(keys_.memory.at,
              fmt::format("kernel ({}MiB) and initrd ({}MiB) do not fit in {} of memory",
                          kernel->size / kMiB, initrd->size / kMiB, format_size(cell_.memory)),
              "give the cell more");
}

void Planner::plan_cmdline() {
  const std::string extra = keys_.cmdline.value.value_or("");
  const bool own_console =
      extra.rfind("console=", 0) == 0 || extra.find(" console=") != std::string::npos;
  cell_.cmdline = own_console ? "quiet" : "console=ttyS0 quiet";
  cell_.cmdline += " hive.cell=" + cell_.name;
  // Else what programs' memory is in could not be taken away again.
  if (cell_.spare != 0) cell_.cmdline += " memhp_default_state=online_movable";
  if (!extra.empty()) cell_.cmdline += ' ' + extra;
  if (cell_.cmdline.size() > kMaxCmdlineLength) {
    faults_.add(keys_.cmdline.at,
                fmt::format("the kernel's command line would have {} bytes", cell_.cmdline.size()),
                fmt::format("shorten it: Linux takes at most {}", kMaxCmdlineLength));
  }
}

void Planner::plan_disks() {
  if (!keys_.disks.value) return;
  for (const DiskKeys& disk : *keys_.disks.value) {
    const bool read_only = disk.read_only.value.value_or(false);
    cell_.disks.push_back({disk.path.value ? files_.resolve(*disk.path.value) : "", read_only});
    storage_.emplace_back();
    if (!disk.path.value) continue;
    const auto facts = files_.require(
        cell_.disks.back().path, disk.path.at,
        {"disk", "check the path, or make an image with 'truncate -s 1G'", true, !read_only});
    if (facts) storage_.back() = facts->identity;
  }
}

void Planner::plan_crash_dump() {
  const std::string folder = keys_.crash_dump.value.value_or(std::string(kNone));
  if (folder == kNone) return;
  cell_.crash_dump = files_.resolve(folder);
  FileDemand demand{"crash dumps' folder", "make it with 'mkdir -p'"};
  demand.folder = true;
  (void)files_.require(cell_.crash_dump, keys_.crash_dump.at, demand);
}

}  // namespace

PlannedCell plan_cell(CellKeys keys, CellId id, const Environment& environment,
                      const HostFiles& files, FaultList& faults) {
  PlannedCell planned{{}, std::move(keys), {}};
  planned.cell.id = id;
  planned.cell.name = planned.keys.name.value.value_or("");
  planned.cell.cid = planned.keys.cid.value.value_or(kFirstCellCid + static_cast<Cid>(id));
  Planner planner(planned, environment, files, faults);
  planner.plan_cpus();
  planner.plan_memory();
  planner.plan_reserve();
  planner.plan_hosted();
  planner.plan_spare();
  planner.plan_boot();
  planner.plan_cmdline();
  planner.plan_disks();
  planner.plan_crash_dump();
  planned.cell.vsock = plan_ports(planned.keys, files, faults);
  return planned;
}

}  // namespace hive::plan
