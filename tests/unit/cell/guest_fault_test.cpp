#include "vmm/cell/guest_fault.h"

#include <gtest/gtest.h>

namespace hive::cell {
namespace {

using device::DiskOperations;
using std::chrono::milliseconds;

GuestFault corruption(const Corruption& corruption) {
  return {GuestFaultKind::kCorrupt, 1, {}, corruption};
}

GuestFault of_device(GuestFaultKind kind, const DeviceFault& fault,
                     std::optional<milliseconds> duration = {}) {
  return {kind, {}, duration, {}, fault};
}

TEST(GuestFault, SurvivesItsWireForm) {
  for (const GuestFault& fault :
       {GuestFault{GuestFaultKind::kVcpuStop, 63, milliseconds(1), {}},
        GuestFault{GuestFaultKind::kVcpuStop, {}, kLongestGuestFault, {}},
        GuestFault{GuestFaultKind::kTripleFault, 0, {}, {}},
        GuestFault{GuestFaultKind::kNmi, {}, {}, {}}, GuestFault{GuestFaultKind::kHang, 1, {}, {}},
        corruption({CorruptionPlace::kPhysical, Change::kFlip, 1, 0, {{0x1000, 8}}}),
        corruption({CorruptionPlace::kVirtual,
                    Change::kDangling,
                    kMaxChanges,
                    ~0ULL,
                    {{~0ULL - 8, 8}, {0, 1}}}),
        corruption({CorruptionPlace::kStack, Change::kRandom, 2, 3, {}}),
        corruption({CorruptionPlace::kPageTable, Change::kOffset, 1, 1, {}}),
        GuestFault{
            GuestFaultKind::kPageFail,
            0,
            {},
            Corruption{
                CorruptionPlace::kPhysical, Change::kFlip, kMaxFailedPages, 4, {{0x1000, 8}}}},
        of_device(GuestFaultKind::kDiskError, {"disk0", 1, ~0ULL, DiskOperations::kFlush, {}}),
        of_device(GuestFaultKind::kDiskError, {"disk99"}, milliseconds(5)),
        of_device(GuestFaultKind::kDiskDelay,
                  {"disk1", 50, 3, DiskOperations::kRead, kLongestDelay}),
        of_device(GuestFaultKind::kInterruptLoss, {std::string(kAllDevices), 5, 2}),
        of_device(GuestFaultKind::kDiskTorn, {"disk0", 100, 0, DiskOperations::kAll, {}, true})}) {
    EXPECT_EQ(parse_guest_fault(to_json(fault)), fault) << to_json(fault);
  }
}

TEST(GuestFault, RefusesCorruptionThatIsMalformed) {
  const std::string start = R"({"command": "fault", "fault": "memory-corrupt", )";
  ASSERT_TRUE(parse_guest_fault(start + R"("where": "stack", "change": "flip"})").has_value());
  std::string many = "[[0, 8]";
  for (std::size_t i = 0; i < kMaxRanges; ++i) many += ", [0, 8]";
  for (const std::string& rest :
       {std::string(R"("where": "stack"})"), std::string(R"("change": "flip"})"),
        std::string(R"("where": "text", "change": "flip"})"),
        std::string(R"("where": "stack", "change": "flip", "count": 0})"),
        std::string(R"("where": "stack", "change": "flip", "count": 1001})"),
        std::string(R"("where": "stack", "change": "flip", "ranges": [[0, 8]]})"),
        std::string(R"("where": "physical", "change": "flip"})"),
        std::string(R"("where": "physical", "change": "flip", "ranges": []})"),
        std::string(R"("where": "physical", "change": "flip", "ranges": [[0]]})"),
        std::string(R"("where": "physical", "change": "flip", "ranges": [[0, 0]]})"),
        std::string(R"("where": "physical", "change": "flip", "ranges": [[8, -1]]})"),
        R"("where": "virtual", "change": "flip", "ranges": [[8, 18446744073709551615]]})" +
            std::string(),
        R"("where": "physical", "change": "flip", "ranges": )" + many + "]}"}) {
    EXPECT_EQ(parse_guest_fault(start + rest), std::nullopt) << rest;
  }
}

TEST(GuestFault, RefusesDevicesThatAreMalformed) {
  const auto parse = [](const std::string& kind, const std::string& rest) {
    return parse_guest_fault(R"({"command": "fault", "fault": ")" + kind + "\"" + rest + "}");
  };
  ASSERT_TRUE(parse("disk-error", R"(, "device": "disk0")").has_value());
  ASSERT_TRUE(parse("disk-delay", R"(, "device": "disk0", "by_ms": 1)").has_value());
  for (const char* rest :
       {"", R"(, "device": "")", R"(, "device": 0)", R"(, "device": "Disk 0")",
        R"(, "device": "disk0disk0disk0ab")", R"(, "device": "disk0", "share": 0)",
        R"(, "device": "disk0", "share": 101)", R"(, "device": "disk0", "seed": -1)",
        R"(, "device": "disk0", "of": "trim")", R"(, "device": "disk0", "of": 1)",
        R"(, "device": "disk0", "by_ms": 5)", R"(, "device": "disk0", "report": "no")"}) {
    EXPECT_EQ(parse("disk-error", rest), std::nullopt) << rest;
  }
  EXPECT_EQ(parse("disk-delay", R"(, "device": "disk0")"), std::nullopt);
  EXPECT_EQ(parse("disk-delay", R"(, "device": "disk0", "by_ms": 86400001)"), std::nullopt);
}

TEST(GuestFault, RefusesPagesThatAreTooMany) {
  const std::string start =
      R"({"command": "fault", "fault": "page-fail", "where": "stack", "change": "flip", "count": )";
  EXPECT_TRUE(parse_guest_fault(start + std::to_string(kMaxFailedPages) + "}").has_value());
  EXPECT_EQ(parse_guest_fault(start + std::to_string(kMaxFailedPages + 1) + "}"), std::nullopt);
}

TEST(GuestFault, RefusesWhatIsMalformed) {
  for (const char* text :
       {"", "[]", "{}", R"({"command": "fault"})", R"({"command": "fault", "fault": "explode"})",
        R"({"command": "fault", "fault": 7})", R"({"command": "pause", "fault": "nmi"})",
        R"({"fault": "nmi"})", R"({"command": "fault", "fault": "nmi", "vcpu": 64})",
        R"({"command": "fault", "fault": "nmi", "vcpu": -1})",
        R"({"command": "fault", "fault": "nmi", "vcpu": "0"})",
        R"({"command": "fault", "fault": "vcpu-stop", "for_ms": 0})",
        R"({"command": "fault", "fault": "vcpu-stop", "for_ms": 86400001})",
        R"({"command": "fault", "fault": "vcpu-stop", "for_ms": 1.5})"}) {
    EXPECT_EQ(parse_guest_fault(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hive::cell
