#include "cellmon/control/core_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/unit/control/test_cell.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class CoreFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestFolder folder_;
};

TEST_F(CoreFileTest, IsFoundOnceItIsKept) {
  CoreFile file(folder_.path(), "m-a-1.core");
  ASSERT_EQ(::write(file.fd(), "core", 4), 4);
  EXPECT_THAT(names(), testing::Not(testing::Contains("m-a-1.core")));
  EXPECT_EQ(file.keep(), folder_.path() + "/m-a-1.core");
  EXPECT_EQ(content(folder_.path() + "/m-a-1.core"), "core");
  struct stat status {};
  ASSERT_EQ(::stat((folder_.path() + "/m-a-1.core").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(CoreFileTest, IsGoneUnlessItIsKept) {
  {
    const CoreFile file(folder_.path(), "m-a-1.core");
    ASSERT_EQ(::write(file.fd(), "core", 4), 4);
  }
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CoreFileTest, OverwritesNothing) {
  for (const char* text : {"one", "two", "three"}) {
    CoreFile file(folder_.path(), "m-a-1.core");
    ASSERT_GT(::write(file.fd(), text, std::string(text).size()), 0);
    file.keep();
  }
  EXPECT_THAT(names(), UnorderedElementsAre("m-a-1.core", "m-a-1.core.1", "m-a-1.core.2"));
  EXPECT_EQ(content(folder_.path() + "/m-a-1.core"), "one");
  EXPECT_EQ(content(folder_.path() + "/m-a-1.core.2"), "three");
}

TEST_F(CoreFileTest, NeedsAFolder) {
  EXPECT_THROW(CoreFile(folder_.path() + "/none", "m-a-1.core"), Error);
  std::ofstream(folder_.path() + "/file") << "x";
  EXPECT_THROW(CoreFile(folder_.path() + "/file", "m-a-1.core"), Error);
}

TEST_F(CoreFileTest, TellsThatItsFolderIsGone) {
  const std::string folder = folder_.path() + "/soon-gone";
  std::filesystem::create_directory(folder);
  CoreFile file(folder, "m-a-1.core");
  std::filesystem::remove_all(folder);
  EXPECT_THROW(file.keep(), Error);
}

}  // namespace
}  // namespace hive::control
