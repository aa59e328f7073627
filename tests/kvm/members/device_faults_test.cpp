// Faults in a guest's devices, injected by the control socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// One cell, whose guest writes to its disk some seconds after it has started, and tells when it
/// got an error.
class DeviceFaults : public MachineTest {
 protected:
  void start(const std::string& keys) {
    constexpr MicroDisk kDisk{HIVE_MICRO_FREE};
    constexpr std::uint64_t kSomeSeconds = 8'000'000'000;
    std::vector<micro::Action> script{micro::await(0x30, 1, kSomeSeconds)};
    if (!keys.empty()) {
      MicroDisk::append(script, kDisk.write());
      MicroDisk::append(script,
                        {kDisk.await(), micro::wait(1, kDisk.status(), VIRTIO_BLK_S_IOERR)});
      MicroDisk::append(script, print("an error"));
    }
    script.push_back(micro::halt());
    machine_.add_key("faults: enabled");
    machine_.add_cell("alpha", script, false, "watchdog: none" + keys);
    bring_up();
  }

  [[nodiscard]] Output inject(const std::vector<std::string>& words) const {
    return MachineTest::inject("alpha", words);
  }
  /// A new disk's path.
  [[nodiscard]] std::string image() const {
    const std::filesystem::path path = machine_.folder() / "disk.img";
    std::ofstream(path).close();
    std::filesystem::resize_file(path, 4096);
    return path;
  }
};

TEST_F(DeviceFaults, ReachTheGuest) {
  start(", disks: [{path: " + image() + "}]");
  const Output output = inject({"disk-error", "of=write", "share=100", "seed=4"});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(story(), HasSubstr("fault: disk-error of=write seed=4 share=100: seed 4: for good, "
                                 "100 % of disk0's writes end with errors"));
  EXPECT_TRUE(comes([&] { return machine_.status("alpha")["console_line"] == "an error"; }));
  EXPECT_EQ(machine_.status("alpha")["state"], "running");
}

TEST_F(DeviceFaults, AreRefusedWhereTheyCannotBe) {
  start(", disks: [{path: " + image() + ", readonly: true}]");
  EXPECT_THAT(inject({"disk-error", "disk=disk1"}).err,
              HasSubstr("there is no disk1: the cell has 1, from disk0 on"));
  EXPECT_THAT(inject({"disk-error", "disk=disk1", "at=1s"}).err, HasSubstr("there is no disk1"));
  EXPECT_THAT(inject({"disk-torn"}).err, HasSubstr("disk0 is read-only"));
  EXPECT_THAT(inject({"disk-delay"}).err, HasSubstr("disk-delay needs by=VALUE"));
  EXPECT_THAT(inject({"disk-error", "share=0"}).err, HasSubstr("no percentage from 1 to 100"));
  EXPECT_THAT(inject({"--pending"}).out, HasSubstr("no fault waits"));
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
}

TEST_F(DeviceFaults, AreRefusedWhereThereIsNoDevice) {
  start("");
  EXPECT_THAT(inject({"disk-error"}).err, HasSubstr("the cell has no disk; its plan can give it"));
  EXPECT_THAT(inject({"interrupt-loss", "device=disk0"}).err, HasSubstr("the cell has no disk"));
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
}

}  // namespace
}  // namespace hive::test
