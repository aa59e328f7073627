// The helpers below the check: CPU lists, sizes meant, text, nearest keys, topology.
#include <gmock/gmock.h>

#include "vmm/plan/cpu_list.h"
#include "vmm/plan/host_topology.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/text.h"
#include "vmm/plan/values.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(CpuList, ReadsTheKernelsNotation) {
  EXPECT_THAT(parse_cpu_list("0"), Optional(ElementsAre(0)));
  EXPECT_THAT(parse_cpu_list("2-3,6"), Optional(ElementsAre(2, 3, 6)));
  EXPECT_THAT(parse_cpu_list("6,2-3,2"), Optional(ElementsAre(6, 2, 3, 2)));
  EXPECT_EQ(parse_cpu_list("0-8191")->size(), 8192U);
}

TEST(CpuList, RefusesWhatIsNone) {
  for (const char* text :
       {"", ",", "1,", ",1", "-", "1-", "-1", "3-2", "1-2-3", "a", "1 ", " 1", "+1", "8192",
        "0-8192", "4294967296", "0-4294967295", "1,,2", "0-8191,0"}) {
    EXPECT_EQ(parse_cpu_list(text), std::nullopt) << text;
  }
}

TEST(CpuList, IsWrittenShort) {
  const auto format = [](std::vector<unsigned> cpus) { return format_cpu_list(cpus); };
  EXPECT_EQ(format({}), "none");
  EXPECT_EQ(format({7}), "7");
  EXPECT_EQ(format({0, 1, 2, 4, 6, 7}), "0-2,4,6-7");
}

TEST(SuggestSize, GuessesWhatWasMeant) {
  const std::pair<const char*, const char*> cases[] = {
      {"256MB", "256MiB"},    {"256mib", "256MiB"}, {"256M", "256MiB"}, {"256 MB", "256MiB"},
      {"1.5GiB", "1536MiB"},  {"1.5 g", "1536MiB"}, {"2048K", "2MiB"},  {"512", "512MiB"},
      {"1073741824", "1GiB"}, {"0.25GB", "256MiB"}, {"4TB", "4TiB"},    {"1048575", "1048575MiB"},
  };
  for (const auto& [text, meant] : cases) EXPECT_EQ(suggest_size(text), meant) << text;
}

TEST(SuggestSize, IsSilentWhenItCannotTell) {
  for (const char* text :
       {"", "MiB", "1.2.3GiB", "256Mb/s", "x256MiB", "0", "0MB", "100KB", "0.1GiB", "1.00000000GiB",
        "-256MB", "99999999999999999999MB", "18446744073709551615TB", ".", "1048577"}) {
    EXPECT_EQ(suggest_size(text), std::nullopt) << text;
  }
}

TEST(Text, IsQuotedForATerminal) {
  EXPECT_EQ(quote("plain"), "'plain'");
  EXPECT_EQ(quote("caf\xc3\xa9"), "'caf\xc3\xa9'");
  EXPECT_EQ(quote("\x1b[2J\n\x7f"), "'\\x1b[2J\\x0a\\x7f'");
  EXPECT_EQ(quote("\xc2\x9b"
                  "31m"),
            "'\\xc2\\x9b31m'");
  EXPECT_EQ(quote("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(quote(std::string(500, 'x')), "'" + std::string(200, 'x') + "...'");
}

TEST(Text, IsCleanWithoutControlCharacters) {
  for (const char* text : {"", "a b", "/caf\xc3\xa9", "\xf0\x9f\x90\x9d"})
    EXPECT_TRUE(is_clean(text));
  for (const char* text :
       {"\n", "a\tb", "\x7f", "\xc2\x85", "\xc3", "\xff", "\xc0\xaf", "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3("}) {
    EXPECT_FALSE(is_clean(text)) << text;
  }
  EXPECT_FALSE(is_clean(std::string_view("\0", 1)));
}

TEST(NearestKey, ForgivesOneSlipInThreeLetters) {
  const std::pair<const char*, std::optional<std::string_view>> cases[] = {
      {"memroy", "memory"}, {"Memory", "memory"},        {"cpu", "cpus"},
      {"mem", "memory"},    {"huge_pages", "hugepages"}, {"disk", "disks"},
      {"kernal", "kernel"}, {"initramfs", std::nullopt}, {"ram", std::nullopt},
      {"c", std::nullopt},  {"", std::nullopt},          {"share", "shared"},
  };
  for (const auto& [word, key] : cases) EXPECT_EQ(nearest_key(word, cell_spec()), key) << word;
  EXPECT_EQ(nearest_key(std::string(5000, 'm'), cell_spec()), std::nullopt);
}

TEST(Keys, OfDefaultsAreThoseOfCellsThatSeveralCanHave) {
  for (const KeySpec& key : cell_spec().keys) {
    const bool own = key.name == "name" || key.name == "cid" || key.name == "disks" ||
                     key.name == "vsock" || key.name == "role" || key.name == "policy";
    const KeySpec* shared = defaults_spec().find(key.name);
    EXPECT_EQ(shared == nullptr, own) << key.name;
    if (shared == nullptr) continue;
    EXPECT_EQ(shared->presence, Presence::kOptional) << key.name;
  }
}

TEST(HostTopology, SumsItsNodes) {
  const HostTopology host{{{1, {4, 5}, 100}, {0, {1, 0}, 50}, {2, {}, 7}}};
  EXPECT_THAT(host.cpus(), ElementsAre(0, 1, 4, 5));
  EXPECT_EQ(host.memory(), 157U);
}

}  // namespace
}  // namespace hive::plan
