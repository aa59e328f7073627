#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "cellmon/control/bounded_file.h"
#include "cellmon/control/byte_ring.h"
#include "cellmon/control/event_log.h"
#include "cellmon/control/line_tracker.h"
#include "cellmon/control/options.h"
#include "cellmon/control/params.h"
#include "cellmon/control/run_folder.h"
#include "cellmon/wire/base64.h"
#include "tests/unit/control/test_cell.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

TEST(ByteRing, KeepsTheLastBytes) {
  ByteRing ring(8);
  std::string all;
  for (const char* piece : {"abc", "", "defg", "hij", "0123456789", "xy", "z"}) {
    ring.append(piece);
    all += piece;
    EXPECT_EQ(ring.contents(), all.size() <= 8 ? all : all.substr(all.size() - 8)) << piece;
  }
}

TEST(EventLog, KeepsTheLastEvents) {
  EventLog log("alpha");
  for (std::size_t i = 0; i < EventLog::kCapacity + 5; ++i) log.add({"kind", std::to_string(i)});
  const auto all = log.after(0);
  ASSERT_EQ(all.size(), EventLog::kCapacity);
  EXPECT_EQ(all.front().sequence, 6U);
  EXPECT_EQ(all.back().detail, std::to_string(EventLog::kCapacity + 4));
  EXPECT_LE(all.front().monotonic_ns, all.back().monotonic_ns);
  EXPECT_EQ(log.after(all.back().sequence - 2).size(), 2U);
  EXPECT_TRUE(log.after(~0ULL).empty());
}

TEST(EventLog, BoundsAndDisarmsDetails) {
  EventLog log("alpha");
  const wire::Event& event = log.add({"failed", "\x1b" + std::string(5000, 'x')});
  EXPECT_EQ(event.detail.size(), EventLog::kMaxDetail);
  EXPECT_EQ(event.detail[0], ' ');
}

std::string last_line_of(std::string_view text) {
  LineTracker whole;
  whole.append(text);
  LineTracker bytes;
  for (const char byte : text) bytes.append({&byte, 1});
  EXPECT_EQ(whole.last_line(), bytes.last_line());
  return whole.last_line();
}

TEST(LineTracker, KnowsTheLastLineThatSaysSomething) {
  EXPECT_EQ(last_line_of(""), "");
  EXPECT_EQ(last_line_of("one\r\ntwo\r\n"), "two");
  EXPECT_EQ(last_line_of("one\r\n\r\n   \r\n"), "one");
  EXPECT_EQ(last_line_of("one\r\nlogin: "), "login: ");
  EXPECT_EQ(last_line_of("10%\r20%\r30%"), "30%");
  EXPECT_EQ(last_line_of("\x1b[1;31mred\x1b[0m alert\x07\n"), "red alert");
  EXPECT_EQ(last_line_of("\x1b"
                         "c\x1b[2J\x1b[Hclean\n"),
            "clean");
  EXPECT_EQ(last_line_of(std::string(5000, 'x')).size(), LineTracker::kMaxLine);
}

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(BoundedFile, KeepsTheLastBytesInTwoFiles) {
  const TestFolder folder;
  const std::string path = folder.path() + "/file";
  BoundedFile file(path, 10);
  file.append("12345");
  file.append("67890");
  EXPECT_EQ(content(path), "1234567890");
  file.append("abc");
  EXPECT_EQ(content(path), "abc");
  EXPECT_EQ(content(path + ".old"), "1234567890");
  file.append(std::string(30, 'x'));
  EXPECT_EQ(content(path).size(), 30U) << "one piece stays whole";
  EXPECT_EQ(content(path + ".old"), "abc");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(BoundedFile, GoesUnlessItIsKept) {
  const TestFolder folder;
  const std::string path = folder.path() + "/file";
  { BoundedFile(path, 10).append("x"); }
  EXPECT_FALSE(fs::exists(path));
  {
    BoundedFile file(path, 10);
    file.append("x");
    file.keep();
  }
  EXPECT_EQ(content(path), "x");
  EXPECT_THROW(BoundedFile(folder.path() + "/no/such/folder/file", 10), Error);
}

TEST(BoundedFile, GoesOnAfterWhatAnotherProcessHasLeft) {
  const TestFolder folder;
  const std::string path = folder.path() + "/file";
  std::ofstream(path) << "12345";
  std::ofstream(path + ".old") << "before";
  BoundedFile file(path, 10, BoundedFile::Begin::kAtEnd);
  file.append("67890");
  EXPECT_EQ(content(path), "1234567890");
  EXPECT_EQ(content(path + ".old"), "before");
  file.append("abc");
  EXPECT_EQ(content(path), "abc") << "the limit counts what was there";
  EXPECT_EQ(content(path + ".old"), "1234567890");
  const BoundedFile anew(path, 10);
  EXPECT_EQ(content(path), "");
  EXPECT_FALSE(fs::exists(path + ".old"));
}

TEST(BoundedFile, DoesNotFollowLinks) {
  const TestFolder folder;
  const std::string target = folder.path() + "/target";
  std::ofstream(target) << "precious";
  fs::create_symlink(target, folder.path() + "/file");
  EXPECT_THROW(BoundedFile(folder.path() + "/file", 10), Error);
  EXPECT_EQ(content(target), "precious");
}

TEST(RunFolder, IsSharedAndGoesWhenEmpty) {
  const TestFolder folder;
  const std::string path = folder.path() + "/machine";
  {
    const RunFolder one(path);
    const RunFolder two(path);
    EXPECT_TRUE(fs::is_directory(path));
  }
  EXPECT_FALSE(fs::exists(path));
  {
    const RunFolder one(path);
    std::ofstream(path + "/kept") << "x";
  }
  EXPECT_TRUE(fs::exists(path));
}

TEST(RunFolder, RefusesWhatOthersCanWrite) {
  const TestFolder folder;
  const std::string path = folder.path() + "/machine";
  fs::create_directory(path);
  fs::permissions(path, fs::perms::all);
  EXPECT_THROW(RunFolder{path}, Error);
  fs::remove(path);
  fs::create_symlink("/tmp", path);
  EXPECT_THROW(RunFolder{path}, Error);
}

TEST(Params, TakesWhatIsSound) {
  const Json json{{"force", true},
                  {"after", 7U},
                  {"console", "virtio"},
                  {"data", wire::encode_base64("bytes")},
                  {"argv", {"ls", "-l"}}};
  Params params(json);
  EXPECT_TRUE(params.boolean("force", false));
  EXPECT_FALSE(params.boolean("purge", false));
  EXPECT_EQ(params.number("after", 0, 10), 7U);
  EXPECT_EQ(params.number("grace_ms", 5, 10), 5U);
  EXPECT_EQ(params.text("console", "serial"), "virtio");
  EXPECT_EQ(params.bytes("data"), "bytes");
  EXPECT_THAT(params.words("argv"), ElementsAre("ls", "-l"));
  EXPECT_EQ(params.fault(), "");
}

TEST(Params, NamesTheFault) {
  const auto fault_of = [](const Json& json, const std::function<void(Params&)>& take) {
    Params params(json);
    take(params);
    return params.fault();
  };
  EXPECT_EQ(fault_of({{"x", 1}}, [](Params&) {}), "unknown parameter x");
  EXPECT_EQ(fault_of({{"force", 1}}, [](Params& p) { p.boolean("force", false); }),
            "force is not true or false");
  for (const Json& number : {Json(-1), Json(11), Json(1.5), Json("1"), Json()}) {
    EXPECT_EQ(fault_of({{"n", number}}, [](Params& p) { p.number("n", 0, 10); }),
              "n is not a whole number from 0 to 10");
  }
  EXPECT_EQ(fault_of(Json::object(), [](Params& p) { p.required_number("n", 10); }),
            "n is missing");
  EXPECT_EQ(fault_of({{"data", "!"}}, [](Params& p) { p.bytes("data"); }), "data is not base64");
  for (const Json& words : {Json::array(), Json("ls"), Json{"ls", 1}, Json()}) {
    EXPECT_NE(fault_of({{"argv", words}}, [](Params& p) { p.words("argv"); }), "");
  }
}

Options parse(std::vector<const char*> words) { return parse_options(words); }

TEST(Options, AreReadAndRequired) {
  const Options options =
      parse({"--plan-fd", "3", "--ready-fd", "4", "--cell", "2", "--run-dir", "/run/hive"});
  EXPECT_EQ(options.plan_fd, 3);
  EXPECT_EQ(options.ready_fd, 4);
  EXPECT_EQ(options.cell, 2U);
  EXPECT_EQ(options.run_dir, "/run/hive");
  EXPECT_THROW(parse({}), Error);
  EXPECT_THROW(parse({"--plan-fd"}), Error);
  EXPECT_THROW(parse({"--plan-fd", "x", "--ready-fd", "4", "--run-dir", "/"}), Error);
  EXPECT_THROW(parse({"--plan-fd", "-3", "--ready-fd", "4", "--run-dir", "/"}), Error);
  EXPECT_THROW(parse({"--plan-fd", "3", "--ready-fd", "4", "--run-dir", "/", "--x", "1"}), Error);
}

}  // namespace
}  // namespace hive::control
