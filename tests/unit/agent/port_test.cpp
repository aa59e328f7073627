#include "guests/agent/port.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace hive::agent {
namespace {

namespace fs = std::filesystem;

class FindPort : public testing::Test {
 protected:
  FindPort() {
    std::string pattern = testing::TempDir() + "/portXXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ / "dev/virtio-ports");
  }
  ~FindPort() override { fs::remove_all(root_); }

  void add_sysfs_port(const std::string& device, const std::string& name) {
    fs::create_directories(root_ / "sys/class/virtio-ports" / device);
    std::ofstream(root_ / "sys/class/virtio-ports" / device / "name") << name << "\n";
  }
  std::string find(const std::string& name) {
    return find_port(name, (root_ / "dev").string(), (root_ / "sys").string());
  }

  fs::path root_;
};

TEST_F(FindPort, UsesTheNamedDevice) {
  std::ofstream(root_ / "dev/virtio-ports/org.a") << "";
  EXPECT_EQ(find("org.a"), (root_ / "dev/virtio-ports/org.a").string());
}

TEST_F(FindPort, LooksUpTheNameWithoutUdev) {
  add_sysfs_port("vport0p1", "org.other");
  add_sysfs_port("vport0p2", "org.a");
  EXPECT_EQ(find("org.a"), (root_ / "dev/vport0p2").string());
}

TEST_F(FindPort, FindsNothingWhereThereIsNothing) {
  EXPECT_EQ(find("org.a"), "");
  add_sysfs_port("vport0p1", "org.other");
  EXPECT_EQ(find("org.a"), "");
}

}  // namespace
}  // namespace hive::agent
