#include "cellmon/control/core_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cellmon/control/core_folder.h"
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

TEST(CoreFolder, KnowsTheFilesOfACell) {
  for (const char* name : {"m-a-1.core", "m-a-4294967295.core", "m-a-7.core.1", "m-a-7.core.12"}) {
    EXPECT_TRUE(is_core_of(name, "m-a", false)) << name;
    EXPECT_FALSE(is_core_of(name, "m-a", true)) << name;
  }
  for (const char* name : {"m-a-.core", "m-a-1.cores", "m-a-1.core.", "m-a-1.core.x", "m-ab-1.core",
                           "m-a-1-2.core", "x-m-a-1.core", "m-a-1", "", ".m-a-1.core"}) {
    EXPECT_FALSE(is_core_of(name, "m-a", false)) << name;
  }
  EXPECT_TRUE(is_core_of(".m-a-1.core.partial", "m-a", true));
  EXPECT_FALSE(is_core_of("m-a-1.core.partial", "m-a", true));
  EXPECT_EQ(core_name("m-a", 3), "m-a-3.core");
}

TEST_F(CoreFileTest, IsMadeAsLongAsThereAreFew) {
  const auto make = [this](const std::string& name) {
    std::ofstream(folder_.path() + "/" + name) << "x";
  };
  for (unsigned incarnation = 1; incarnation < kMaxCoreFiles; ++incarnation) {
    make(core_name("m-a", incarnation));
  }
  make("m-b-1.core");
  make(".m-a-5.core.partial");
  make(".m-b-5.core.partial");
  EXPECT_NO_THROW(prepare_core_folder(folder_.path(), "m-a"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/.m-a-5.core.partial"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/.m-b-5.core.partial"));
  make("m-a-7.core.1");
  EXPECT_THROW(prepare_core_folder(folder_.path(), "m-a"), Error);
  EXPECT_NO_THROW(prepare_core_folder(folder_.path(), "m-b"));
  EXPECT_THROW(prepare_core_folder(folder_.path() + "/none", "m-a"), Error);
}

}  // namespace
}  // namespace hive::control
