// hivectl as a shell script sees it, over a device that a thread plays.
#include "guests/ctl/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "guests/abi/system_area.h"
#include "tests/support/fake_global_device.h"

namespace {

using hive::testing::FakeGlobalDevice;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// What one run came to.
struct Outcome {
  int status;
  std::string out;
  std::string err;
};

class Hivectl : public ::testing::Test {
 protected:
  explicit Hivectl(std::uint64_t pages = FakeGlobalDevice::kPages) : device_(3, 0, pages) {}

  Outcome run(const std::vector<const char*>& arguments, const std::string& input = {}) {
    std::vector<const char*> words{"hivectl"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    hive::ctl::Session session(in, out, err, device_.paths());
    const int status = hive::ctl::run(static_cast<int>(words.size()), words.data(), session);
    return {status, out.str(), err.str()};
  }
  /// The output of a run that has to succeed.
  std::string ok(const std::vector<const char*>& arguments, const std::string& input = {}) {
    const Outcome outcome = run(arguments, input);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  }

  FakeGlobalDevice device_;
};

/// Cells that are told of failures: each contributes 2 MiB.
class ToldHivectl : public Hivectl {
 protected:
  ToldHivectl() : Hivectl(512) {
    unsigned char* end = device_.memory(0) + 512 * 4096;
    news_ = &reinterpret_cast<hive_system_area*>(end - sizeof(hive_system_area))->news;
    news_->version = HIVE_NEWS_VERSION;
    news_->incarnation = 1;
    news_->magic = HIVE_NEWS_MAGIC;
  }
  void discard(std::uint32_t first, std::uint32_t pages) {
    std::memset(device_.memory(0) + first * 4096, 0, pages * 4096);
    const std::uint32_t number = news_->discards + 1;
    news_->discard[(number - 1) % HIVE_NEWS_DISCARDS] = {number, first, pages, 0, 2, 5};
    news_->discards = number;
  }

  hive_recovery_news* news_;
};

TEST_F(Hivectl, TellsOfTheMachine) {
  const json info = json::parse(ok({"info", "--json"}));
  EXPECT_EQ(info["cell"], 0);
  EXPECT_EQ(info["mapping"], "write-back");
  EXPECT_EQ(info["cells"][1]["name"], "beta");
  EXPECT_EQ(info["cells"][1]["offset"], 64 * 4096);
  EXPECT_EQ(info["cells"][2]["size"], 0);
  EXPECT_THAT(ok({"info"}), HasSubstr("beta"));
  device_.lose(1);
  EXPECT_THAT(ok({"info"}), HasSubstr("(no answer)"));
  EXPECT_TRUE(json::parse(ok({"info", "--json"}))["cells"][1]["name"].is_null());
}

TEST_F(Hivectl, MakesListsAndEndsSections) {
  const json made = json::parse(ok({"section", "create", "letters", "64KiB", "--json"}));
  EXPECT_EQ(made[0]["pages"], 16);
  ok({"section", "open", "letters"});
  const json list = json::parse(ok({"section", "list", "--json"}));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["name"], "letters");
  EXPECT_EQ(list, json::parse(ok({"section", "list", "alpha", "--json"})));
  EXPECT_EQ(json::parse(ok({"section", "list", "beta", "--json"})).size(), 0U);
  EXPECT_THAT(ok({"section", "list"}), HasSubstr("64KiB"));
  ok({"section", "close", "alpha:letters"});
  EXPECT_EQ(run({"section", "close", "letters"}).status, 1);
  ok({"section", "destroy", "letters"});
  const Outcome gone = run({"section", "destroy", "letters"});
  EXPECT_EQ(gone.status, 1);
  EXPECT_THAT(gone.err, HasSubstr("no section \"letters\""));
}

TEST_F(Hivectl, MakesSectionsThatMayBeMovedAndElsewhere) {
  const auto make = [this](const std::vector<const char*>& arguments) {
    return json::parse(ok(arguments))[0];
  };
  EXPECT_EQ(make({"section", "create", "stays", "4KiB", "--json"})["movable"], false);
  EXPECT_EQ(make({"section", "create", "moves", "4KiB", "--movable", "--json"})["movable"], true);
  ok({"section", "use", "moves", "12"});
  EXPECT_EQ(make({"section", "create", "any", "4KiB", "--home", "any", "--json"})["home"], 0);
  const Outcome refused = run({"section", "create", "there", "4KiB", "--home", "beta"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("makes no sections for other cells"));
}

TEST_F(Hivectl, GrantsAndRevokesPages) {
  ok({"section", "create", "before", "4KiB"});
  ok({"section", "create", "letters", "64KiB"});
  EXPECT_EQ(ok({"grant", "letters", "beta", "0-15:1/2"}), "8 pages changed\n");
  EXPECT_EQ(json::parse(ok({"page", "letters", "2", "--json"}))["writers"],
            json::array({"alpha", "beta"}));
  EXPECT_EQ(json::parse(ok({"page", "alpha:", "3", "--json"}))["writers"],
            json::array({"alpha", "beta"}));
  EXPECT_EQ(json::parse(ok({"page", "letters", "3", "--json"}))["writers"], json::array({"alpha"}));
  ASSERT_TRUE(device_.write_as(1, 0, 5));
  EXPECT_EQ(ok({"written", "letters", "beta"}), "4\n");
  EXPECT_EQ(json::parse(ok({"written", ":", "1", "--json"})),
            json::parse(R"([{"first": 5, "pages": 1}])"));
  EXPECT_EQ(ok({"revoke", "letters", "1"}), "8 pages changed\n");
  EXPECT_EQ(ok({"written", "letters", "beta"}), "");
  EXPECT_EQ(run({"grant", "letters", "beta", "0-16"}).status, 2);
  EXPECT_EQ(run({"grant", "letters", "nobody"}).status, 1);
  EXPECT_EQ(run({"grant", "letters", "7"}).status, 1);
  EXPECT_EQ(run({"revoke", "letters", "alpha"}).status, 1);
}

TEST_F(Hivectl, WritesAndReadsBytes) {
  ok({"section", "create", "before", "4KiB"});
  ok({"section", "create", "letters", "8KiB"});
  ok({"write", "letters", "3"}, "hello, world");
  EXPECT_EQ(std::memcmp(device_.memory(0) + 4096 + 3, "hello, world", 12), 0);
  EXPECT_EQ(device_.memory(0)[4096 + 2], 0);
  EXPECT_EQ(device_.memory(0)[4096 + 15], 0);
  EXPECT_EQ(ok({"read", "alpha:letters", "3", "5"}), "hello");
  EXPECT_EQ(ok({"read", ":", "4099", "5"}), "hello");
  EXPECT_EQ(ok({"read", "letters", "8KiB", "0"}), "");
  EXPECT_EQ(run({"read", "letters", "0", "8193"}).status, 1);
  EXPECT_EQ(run({"read", "letters", "9KiB", "0"}).status, 1);
  EXPECT_EQ(run({"write", "letters", "8190"}, "three").status, 1);
  EXPECT_EQ(run({"read", "letters", "0", "x"}).status, 2);
  EXPECT_EQ(run({"read", "nothing", "0", "1"}).status, 1);
}

TEST_F(Hivectl, WritesAndReadsWhatIsLongerThanItsPieces) {
  std::string long_text(200001, 'a');
  for (std::size_t at = 0; at < long_text.size(); at += 7) long_text[at] = static_cast<char>(at);
  ok({"write", "beta:", "1"}, long_text);
  EXPECT_EQ(ok({"read", "beta:", "1", "200001"}), long_text);
}

TEST_F(Hivectl, PublishesAndFetchesObjects) {
  ok({"section", "create", "objects", "8KiB"});
  ok({"publish", "objects", "64", "7"}, "an object");
  EXPECT_EQ(ok({"fetch", "objects", "64", "7"}), "an object");
  EXPECT_EQ(run({"fetch", "objects", "64", "8"}).status, 1);
  device_.memory(0)[64 + 34] ^= 1;
  const Outcome rotten = run({"fetch", "objects", "64", "7"});
  EXPECT_EQ(rotten.status, 1);
  EXPECT_THAT(rotten.out, IsEmpty());
  EXPECT_THAT(rotten.err, HasSubstr("checksum"));
  EXPECT_EQ(run({"publish", "objects", "0", "0"}, "x").status, 2);
  EXPECT_EQ(run({"publish", "objects", "8160", "7"}, "x").status, 1);
}

TEST_F(Hivectl, RingsAndWaits) {
  ok({"ring", "beta", "2"});
  EXPECT_EQ(device_.registers().doorbell, 1U << 16 | 2U);
  EXPECT_EQ(run({"ring", "beta", "4"}).status, 1);
  device_.memory(1)[4] = 9;
  EXPECT_EQ(ok({"wait", "beta:", "4", "0"}), "9\n");
  const Outcome late = run({"wait", "beta:", "4", "9", "--for", "0.02"});
  EXPECT_EQ(late.status, 1);
  EXPECT_THAT(late.err, HasSubstr("did not change"));
}

TEST_F(Hivectl, EndsWith2ForAWrongCommandLine) {
  for (const auto& arguments :
       std::vector<std::vector<const char*>>{{},
                                             {"nonsense"},
                                             {"section"},
                                             {"section", "create", "a"},
                                             {"--timeout", "0", "info"},
                                             {"section", "create", "a", "5000"},
                                             {"section", "create", "a", "much"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, Not(IsEmpty()));
  }
  const std::string help = ok({"--help"});
  for (const char* word : {"section", "grant", "PLACE", "letters"}) {
    EXPECT_THAT(help, HasSubstr(word));
  }
}

TEST_F(Hivectl, SaysWhereThereIsNoDevice) {
  device_.registers().magic = 0;
  const Outcome outcome = run({"info"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("shared memory"));
}

TEST_F(ToldHivectl, ShowsDiscards) {
  EXPECT_THAT(ok({"discards"}), IsEmpty());
  discard(3, 2);
  discard(9, 1);
  EXPECT_EQ(ok({"discards"}), "1: pages 3-4 beta\n2: page 9 beta\n");
  EXPECT_EQ(ok({"discards", "--after", "1"}), "2: page 9 beta\n");
  const json shown = json::parse(ok({"discards", "--after", "1", "--json"}));
  EXPECT_EQ(shown["first"], 9);
  EXPECT_EQ(shown["cells"], json({"beta"}));
  EXPECT_EQ(shown["missed"], false);
  news_->magic = 0;
  EXPECT_THAT(run({"discards"}).err, HasSubstr("nobody tells this cell of discards"));
}

TEST_F(ToldHivectl, ReloadsWhatWasDiscardedOfASection) {
  const std::string path = device_.folder() + "/letters";
  const std::string content(3 * 4096 + 5, 'x');
  std::ofstream(path, std::ios::binary) << content;
  ok({"section", "create", "letters", "32KiB"});  // Pages 0 to 7.
  ok({"write", ":letters", "0"}, std::string(32768, 'y'));
  discard(1, 1);
  discard(3, 2);
  discard(100, 1);
  EXPECT_EQ(ok({"reload", "letters", path.c_str()}),
            "page 1 of letters reloaded\npage 3 of letters reloaded\n");
  const std::string now(reinterpret_cast<const char*>(device_.memory(0)), 32768);
  EXPECT_EQ(now, std::string(4096, 'y') + std::string(4096, 'x') + std::string(4096, 'y') +
                     std::string(5, 'x') + std::string(4091 + 4096, '\0') +
                     std::string(3 * 4096, 'y'));
  EXPECT_THAT(ok({"reload", "letters", path.c_str(), "--after", "2"}), IsEmpty());
  device_.memory(0)[4096] = 'z';
  EXPECT_THAT(ok({"reload", "letters", path.c_str()}), IsEmpty()) << "it was written since";
  EXPECT_THAT(run({"reload", "letters", "/nowhere"}).err, HasSubstr("cannot be read"));
}

TEST_F(ToldHivectl, ReloadsAllThatIsEmptyWhereItWasNotToldOfAll) {
  const std::string path = device_.folder() + "/letters";
  std::ofstream(path, std::ios::binary) << std::string(2 * 4096, 'x');
  ok({"section", "create", "letters", "32KiB"});
  discard(0, 1);
  for (unsigned more = 0; more < HIVE_NEWS_DISCARDS; ++more) discard(100, 1);
  EXPECT_THAT(ok({"discards"}), ::testing::StartsWith("(some are not told of any more)\n2: "));
  EXPECT_EQ(ok({"reload", "letters", path.c_str()}),
            "page 0 of letters reloaded\npage 1 of letters reloaded\n");
}

TEST_F(ToldHivectl, LocksAndTakesLocksOver) {
  ok({"section", "create", "letters", "4KiB"});
  EXPECT_EQ(ok({"lock", ":letters", "8"}), "taken\n");
  EXPECT_EQ(run({"lock", ":letters", "8", "--for", "0.01"}).status, 1);
  EXPECT_THAT(ok({"unlock", ":letters", "8"}), IsEmpty());
  EXPECT_EQ(run({"unlock", ":letters", "8"}).status, 1);
  news_->over[1] = 4;
  *reinterpret_cast<std::uint32_t*>(device_.memory(0) + 8) =
      2U << 24 | 4;  // Of beta, in its fourth.
  EXPECT_EQ(ok({"lock", ":letters", "8"}), "taken: its owner failed\n");
}

}  // namespace
