#include "vmm/memory/page_window.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/shared_file.h"

namespace hive::memory {
namespace {

UniqueFd page_of(const std::string& text) {
  UniqueFd file = make_shared_file("page", kPageSize);
  EXPECT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return file;
}

std::string text_at(const PageWindow& window, std::size_t page) {
  return reinterpret_cast<const char*>(window.bytes().data() + page * kPageSize);
}

TEST(PageWindow, HasEachPageAtItsPlace) {
  const UniqueFd first = page_of("first");
  const UniqueFd third = page_of("third");
  const PageWindow window(std::array{first.get(), -1, third.get()});
  ASSERT_EQ(window.bytes().size(), 4 * kPageSize) << "a power of two";
  EXPECT_EQ(text_at(window, 0), "first");
  EXPECT_EQ(text_at(window, 1), "");
  EXPECT_EQ(text_at(window, 2), "third");
  EXPECT_EQ(text_at(window, 3), "");
}

TEST(PageWindow, ShowsWhatIsWrittenLaterWhoeverClosesTheFile) {
  UniqueFd file = page_of("before");
  const PageWindow window(std::array{file.get()});
  EXPECT_EQ(window.bytes().size(), kPageSize);
  ASSERT_EQ(::pwrite(file.get(), "after!", 6, 0), 6);
  file.reset();
  EXPECT_EQ(text_at(window, 0), "after!");
}

TEST(PageWindow, CannotBeMadeOfAFileThatCanShrink) {
  const UniqueFd loose(::memfd_create("loose", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(loose.get(), kPageSize), 0);
  const UniqueFd longer = make_shared_file("longer", 2 * kPageSize);
  for (const int file : {loose.get(), longer.get(), 1 << 20}) {
    try {
      const PageWindow window(std::array{-1, file});
      FAIL() << file;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("page 1 of the view"), std::string::npos)
          << error.what();
    }
  }
}

TEST(PageWindowDeathTest, CannotBeWritten) {
  const UniqueFd file = page_of("own");
  const PageWindow window(std::array{file.get()});
  EXPECT_DEATH(*const_cast<std::byte*>(window.bytes().data()) = std::byte{1}, "");
}

}  // namespace
}  // namespace hive::memory
