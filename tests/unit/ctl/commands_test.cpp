// hivectl as a shell script sees it, over a device that a thread plays.
#include "guests/ctl/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

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

}  // namespace
