#include "guests/agent/cells_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "vmm/base/error.h"

namespace hive::agent {
namespace {

class CellsFile : public testing::Test {
 protected:
  CellsFile() {
    std::string pattern = testing::TempDir() + "/hiveXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~CellsFile() override { std::filesystem::remove_all(folder_); }

  static std::string read(const std::string& path) {
    std::ifstream stream(path);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  std::string folder_;
};

TEST_F(CellsFile, IsReplacedWholeAndMadeWithItsFolder) {
  const std::string path = folder_ + "/hive/cells";
  replace_file(path, "3 alpha\n4 beta\n");
  EXPECT_EQ(read(path), "3 alpha\n4 beta\n");
  std::ifstream earlier(path);
  replace_file(path, "3 alpha\n");
  EXPECT_EQ(read(path), "3 alpha\n");
  std::string kept((std::istreambuf_iterator<char>(earlier)), {});
  EXPECT_EQ(kept, "3 alpha\n4 beta\n") << "who reads has the old file";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ + "/hive"), {}), 1);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0444, 0444U);
}

TEST_F(CellsFile, SaysWhyItCannotBeMade) {
  EXPECT_THROW(replace_file(folder_ + "/no/such/cells", "x"), Error);
  std::filesystem::create_directory(folder_ + "/cells");
  EXPECT_THROW(replace_file(folder_ + "/cells", "x"), Error);
}

}  // namespace
}  // namespace hive::agent
