#include "cellmon/cli/rpc_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hive::cli {
namespace {

using testing::HasSubstr;

TEST(FormatRpc, HasALineForEachPairAndSaysWhatWentWrong) {
  const Json machine = Json::parse(R"({"machine": "duo", "cells": [
      {"cell": "alpha", "answered": true, "malformed_by_vmm": 4,
       "guest": {"malformed": 2, "host_connections": 9, "host_expired": 1, "host_cut": 0},
       "peers": [
        {"cell": "beta", "cid": 4, "state": "joined", "up": true, "may_call": true,
         "counters": {"connections": 2, "packets_out": 10, "bytes_out": 1000, "packets_in": 20,
                      "bytes_in": 3, "delay_us": 2500, "stale": 1, "refused": 0, "resets": 7}}]},
      {"cell": "beta", "answered": false, "peers": [
        {"cell": "alpha", "cid": 3, "state": "joined", "up": false, "may_call": false}]},
      {"cell": "gamma", "problem": "monitor lost"}]})");
  EXPECT_EQ(format_rpc(machine),
            "duo\n"
            "  cell   peer   cid  peer is  may call  open  packets out  bytes out  packets in  "
            "bytes in  mean us  trouble\n"
            "  alpha  beta     4  up       yes          2           10       1000          20  "
            "       3      125  1 stale, 7 resets\n"
            "  beta   alpha    3  down     no           -            -          -           -  "
            "       -        -\n"
            "  alpha: 2 malformed packets of its guest, 1 calls with the host that nobody "
            "answered, 4 malformed packets of its VMM\n"
            "  beta: its VMM does not answer\n"
            "  gamma: monitor lost\n");
}

TEST(FormatRpc, TakesWhateverAMonitorSays) {
  const Json machine = Json::parse(R"({"machine": "m", "cells": [
      {"cell": "alpha", "guest": 3}, {"cell": 1, "peers": 1, "answered": 7},
      {"cell": "beta", "answered": true, "peers": [
        {"cell": "c", "counters": {"packets_in": 18446744073709551615, "delay_us": 9223372036854775808}},
        {"cell": "x\u001b[1m", "state": "lost", "up": "yes", "counters": []}, {}]}]})");
  const std::string text = format_rpc(machine);
  EXPECT_THAT(text, HasSubstr("monitor lost"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace hive::cli
