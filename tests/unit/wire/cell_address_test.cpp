#include "cellmon/wire/cell_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hive::wire {
namespace {

using testing::ElementsAre;

TEST(SocketName, SurvivesItsText) {
  const CellAddress address{1000, "trio", "alpha-2"};
  EXPECT_EQ(socket_name(address), "hive/1000/trio/alpha-2");
  EXPECT_EQ(parse_socket_name("hive/1000/trio/alpha-2"), address);
}

TEST(SocketName, RefusesOtherNames) {
  for (const char* name :
       {"", "hive", "hive/", "hive/0/trio", "hive/0/trio/", "hive//trio/a", "hive/0//a",
        "hive/x/trio/a", "hive/-1/trio/a", "hive/00/trio/a", "hive/99999999999/trio/a",
        "hive/0/trio/a/b", "hive/0/trio/-a", "hive/0/Trio/a", "hive/0/trio/a b",
        "hive/0/trio/a\x1b[m", "hives/0/t/a", "hive/0/trio/abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_EQ(parse_socket_name(name), std::nullopt) << name;
  }
}

constexpr const char* kTable =
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 21012 /run/systemd/private\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 30001 @hive/1000/trio/beta\n"
    "0000000000000000: 00000003 00000000 00000000 0001 03 30009 @hive/1000/trio/gamma\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 30002 @hive/1000/trio/alpha\n"
    "0000000000000000: 00000003 00000000 00010000 0001 01 30002 @hive/1000/trio/alpha\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 30003 @hive/0/trio/alpha\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 30004 @hive/1000/duo/alpha\n"
    "0000000000000000: 00000002 00000000 00000000 0001 01 30005 @hive/1000/starting\n"
    "0000000000000000: 00000003 00000000 00000000 0001 03 30006\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 30007 hive/1000/trio/file\n"
    "torn line";

TEST(FindListening, FindsTheUsersCells) {
  EXPECT_THAT(find_listening(kTable, 1000),
              ElementsAre(CellAddress{1000, "duo", "alpha"}, CellAddress{1000, "trio", "alpha"},
                          CellAddress{1000, "trio", "beta"}));
  EXPECT_THAT(find_listening(kTable, 0), ElementsAre(CellAddress{0, "trio", "alpha"}));
  EXPECT_THAT(find_listening("", 0), ElementsAre());
}

}  // namespace
}  // namespace hive::wire
