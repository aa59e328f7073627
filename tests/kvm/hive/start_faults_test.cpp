// What cannot work is refused within a second, and leaves nothing behind.
#include <asm/bootparam.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/kvm/run/hive_run.h"
#include "tests/support/loop_device.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

class StartFaults : public testing::Test {
 protected:
  /// A file of SIZE bytes that begins with CONTENT; its path.
  std::string file(const std::string& name, const std::string& content, std::uint64_t size) {
    const std::filesystem::path path = machine_.folder() / name;
    std::ofstream(path, std::ios::binary) << content;
    std::filesystem::resize_file(path, size);
    return path.string();
  }

  static std::string micro_kernel() {
    return std::string("agent: false, kernel: ") + HIVE_MICRO_ELF;
  }

  /// Expects `hive up` to refuse the cell with KEYS, for WHY.
  void refused(const std::string& keys, const testing::Matcher<std::string>& why,
               const std::vector<std::string>& wrapper = {}) {
    machine_.add_cell("alpha", keys);
    const Output up = machine_.refusal({}, wrapper);
    EXPECT_THAT(up.status, AnyOf(1, 2));
    EXPECT_THAT(up.err, why);
    EXPECT_THAT(machine_.sockets(), IsEmpty());
    EXPECT_THAT(machine_.files(), IsEmpty());
    EXPECT_THAT(machine_.processes(), IsEmpty());
  }

  /// A command that runs another one with few devices in /dev, of which KVM is one that COMMANDS
  /// may make as "$dev/kvm", under PRIVILEGES, a command too.
  [[nodiscard]] std::vector<std::string> with_devices(const std::string& commands,
                                                      const std::string& privileges = {}) const {
    const std::string dev = (machine_.folder() / "dev").string();
    return {"unshare",
            "--mount",
            "sh",
            "-ec",
            "dev=" + dev +
                "; mkdir $dev; mount -t tmpfs none $dev;"
                "for each in null zero urandom; do touch $dev/$each;"
                "  mount --bind /dev/$each $dev/$each; done;" +
                commands + "; mount --rbind $dev /dev; exec " + privileges + " \"$@\"",
            "sh"};
  }

  static std::string no_namespaces() {
    return std::system("unshare --mount mount -t tmpfs none /mnt 2>/dev/null") == 0
               ? ""
               : "this user may not mount";
  }

  TestMachine machine_;
};

TEST_F(StartFaults, AKernelThatIsNotAKernel) {
  const std::string path = file("text.img", "not a kernel, whatever its name says\n", kPageSize);
  refused("agent: false, kernel: " + path,
          AllOf(HasSubstr(path + ": "), HasSubstr("not a kernel; give the path of a bzImage")));
}

TEST_F(StartFaults, ATruncatedBzImage) {
  setup_header header{};
  header.setup_sects = 1;
  header.boot_flag = 0xaa55;
  header.header = 0x53726448;  // "HdrS", Linux boot protocol.
  header.version = 0x020f;
  header.loadflags = LOADED_HIGH;
  header.xloadflags = XLF_KERNEL_64;
  header.syssize = 0x10000;  // In 16 bytes.
  std::string image(kPageSize, '\0');
  std::memcpy(image.data() + 0x1f1, &header, sizeof header);
  image[0x201] = static_cast<char>(sizeof(setup_header) + 0x1f1 - 0x202);  // The header's end.
  const std::string path = file("short.img", image, kPageSize);
  refused("agent: false, kernel: " + path,
          AllOf(HasSubstr(path + ": truncated: its header announces"), HasSubstr("copy it again")));
}

TEST_F(StartFaults, AnInitrdLargerThanMemory) {
  const std::string path = file("large.cpio", "", 200 * kMiB);
  refused(micro_kernel() + ", initrd: " + path,
          AllOf(HasSubstr("initrd"), HasSubstr("fit in"), HasSubstr("give the cell more")));
}

TEST_F(StartFaults, AMissingDisk) {
  const std::string path = (machine_.folder() / "none.img").string();
  refused(micro_kernel() + ", disks: [{path: " + path + "}]",
          AllOf(HasSubstr(path), HasSubstr("does not exist"), HasSubstr("truncate -s")));
}

TEST_F(StartFaults, ABusyDisk) {
  const std::string path = file("disk.img", "", kMiB);
  const UniqueFd holder(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  ASSERT_EQ(::fcntl(holder.get(), F_OFD_SETLK, &whole), 0);
  refused(micro_kernel() + ", disks: [{path: " + path + "}]",
          AllOf(HasSubstr(path + ": busy: another cell or program is using it"),
                HasSubstr("stop that one")));
}

TEST_F(StartFaults, ADiskThatIsMounted) {
  const std::string missing = LoopDevice::unavailable();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const LoopDevice device(kMiB);
  const UniqueFd holder(::open(device.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
  ASSERT_TRUE(holder);
  refused(micro_kernel() + ", disks: [{path: " + device.path() + "}]",
          AllOf(HasSubstr(device.path() + ": busy: it is mounted"), HasSubstr("unmount it")));
}

TEST_F(StartFaults, NoKvm) {
  const std::string why = no_namespaces();
  if (!why.empty()) GTEST_SKIP() << why;
  refused(micro_kernel(),
          AllOf(HasSubstr("there is no /dev/kvm"),
                AnyOf(HasSubstr("switch virtualisation on"), HasSubstr("load its module"))),
          with_devices("true"));
}

TEST_F(StartFaults, NoPermissionOnKvm) {
  const std::string why = no_namespaces();
  if (!why.empty()) GTEST_SKIP() << why;
  // Root that may not pass by a file's mode: it still owns this test's files.
  refused(micro_kernel(),
          AllOf(HasSubstr("may not open /dev/kvm (group root, mode 0600)"),
                HasSubstr("sudo chgrp kvm")),
          with_devices("mknod -m 600 $dev/kvm c 10 232; chown 65534 $dev/kvm",
                       "setpriv --bounding-set=-dac_override,-dac_read_search"));
}

}  // namespace
}  // namespace hive::test
