#include "vmm/cell/monitor_protocol.h"

#include <gtest/gtest.h>

namespace hive::cell {
namespace {

TEST(Report, SurvivesItsWireForm) {
  for (const ReportKind kind :
       {ReportKind::kStarted, ReportKind::kPaused, ReportKind::kResumed, ReportKind::kNotPaused,
        ReportKind::kDeviceBroken, ReportKind::kDumped, ReportKind::kNotDumped,
        ReportKind::kFaultDone, ReportKind::kFaultNotDone, ReportKind::kPanicked, ReportKind::kOff,
        ReportKind::kReset, ReportKind::kTripleFault, ReportKind::kFailed,
        ReportKind::kNotStarted}) {
    const std::optional<Report> back = parse_report(to_json(Report{kind, "why \"this\"\n"}));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->kind, kind);
    EXPECT_EQ(back->detail, "why \"this\"\n");
  }
}

TEST(Report, NeedsNoDetail) {
  const std::optional<Report> report = parse_report(R"({"report": "off"})");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->kind, ReportKind::kOff);
  EXPECT_EQ(report->detail, "");
}

TEST(Report, RefusesWhatIsMalformed) {
  for (const char* text :
       {"", "off", "null", "[]", "{}", R"({"report": 1})", R"({"report": "exploded"})",
        R"({"report": "off")", R"({"report": "off", "detail": 7})", R"(["report", "off"])",
        "{\"report\": \"off\", \"detail\": \"\xff\"}"}) {
    EXPECT_FALSE(parse_report(text).has_value()) << text;
  }
}

TEST(Report, RefusesWhatIsTooLong) {
  const std::string detail(kMaxMessage, 'x');
  EXPECT_FALSE(parse_report(R"({"report": "off", "detail": ")" + detail + "\"}").has_value());
}

TEST(Report, ReplacesBytesThatAreNotText) {
  const std::optional<Report> back = parse_report(to_json(Report{ReportKind::kFailed, "a\xff"}));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->detail, "a\xef\xbf\xbd");
}

TEST(Command, SurvivesItsWireForm) {
  for (const Command command :
       {Command::kPause, Command::kResume, Command::kPowerButton, Command::kLook, Command::kQuit,
        Command::kDump, Command::kFault, Command::kBalloon, Command::kSpare}) {
    EXPECT_EQ(parse_command(to_json(command)), command);
  }
}

TEST(Command, HasABalloonsPages) {
  for (const std::uint32_t pages : {0U, 1U, ~0U}) {
    EXPECT_EQ(parse_balloon(balloon_to_json(pages)), pages);
    EXPECT_EQ(parse_command(balloon_to_json(pages)), Command::kBalloon);
  }
  for (const char* text :
       {"", "{}", R"({"command": "balloon"})", R"({"command": "balloon", "pages": -1})",
        R"({"command": "balloon", "pages": 4294967296})", R"({"command": "pause", "pages": 1})",
        R"({"command": "balloon", "pages": "1"})"}) {
    EXPECT_FALSE(parse_balloon(text).has_value()) << text;
  }
}

TEST(Command, HasTheBytesOfSpareMemory) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{2} << 20, ~std::uint64_t{0}}) {
    EXPECT_EQ(parse_spare(spare_to_json(bytes)), bytes);
    EXPECT_EQ(parse_command(spare_to_json(bytes)), Command::kSpare);
  }
  for (const char* text :
       {"", "{}", R"({"command": "spare"})", R"({"command": "spare", "bytes": -1})",
        R"({"command": "balloon", "bytes": 1})", R"({"command": "spare", "bytes": "1"})",
        R"({"command": "spare", "bytes": 18446744073709551616})"}) {
    EXPECT_FALSE(parse_spare(text).has_value()) << text;
  }
}

TEST(Command, RefusesWhatIsMalformed) {
  for (const char* text : {"", "quit", "{}", R"({"command": null})", R"({"command": "explode"})",
                           R"({"report": "off"})"}) {
    EXPECT_FALSE(parse_command(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace hive::cell
