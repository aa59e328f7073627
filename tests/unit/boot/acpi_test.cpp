#include "vmm/boot/acpi/acpi.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include "tests/unit/boot/images.h"
#include "vmm/boot/acpi/resources.h"
#include "vmm/boot/acpi/table_layouts.h"
#include "vmm/boot/acpi/tables.h"

namespace hive::boot::acpi {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace layout = memory::layout;

unsigned sum(std::span<const std::byte> bytes) {
  return std::accumulate(
             bytes.begin(), bytes.end(), 0U,
             [](unsigned sum, std::byte b) { return sum + std::to_integer<unsigned>(b); }) &
         0xff;
}

/// Follows the pointers of ACPI's bytes as an OS does, and checks each table's form.
class Walker {
 public:
  explicit Walker(const Acpi& acpi) : acpi_(acpi) {
    const auto rsdp = at<Rsdp>(acpi.rsdp.value);
    EXPECT_EQ(sum(bytes(acpi.rsdp.value, 20)), 0U);
    EXPECT_EQ(sum(bytes(acpi.rsdp.value, sizeof(rsdp))), 0U);
    EXPECT_EQ(rsdp.revision, 2);
    EXPECT_EQ(rsdp.rsdt, 0U);
    const Table xsdt = table(rsdp.xsdt);
    for (std::size_t i = sizeof(TableHeader); i < xsdt.size(); i += 8) {
      std::uint64_t address = 0;
      std::memcpy(&address, xsdt.data() + i, sizeof(address));
      table(address);
    }
    table(as<Fadt>("FACP").dsdt);
  }

  template <typename T>
  [[nodiscard]] T as(const std::string& signature) const {
    T value{};
    std::memcpy(&value, tables.at(signature).data(), sizeof(value));
    return value;
  }

  std::map<std::string, Table> tables;

 private:
  std::span<const std::byte> bytes(std::uint64_t address, std::size_t size) {
    return std::span(acpi_.bytes).subspan(address - acpi_.rsdp.value, size);
  }
  template <typename T>
  T at(std::uint64_t address) {
    T value{};
    std::memcpy(&value, bytes(address, sizeof(T)).data(), sizeof(T));
    return value;
  }
  Table table(std::uint64_t address) {
    const auto header = at<TableHeader>(address);
    const auto found = bytes(address, header.length);
    EXPECT_EQ(sum(found), 0U);
    const std::string signature(header.signature.data(), 4);
    return tables[signature] = Table(found.begin(), found.end());
  }

  const Acpi& acpi_;
};

TEST(Acpi, HasEveryTable) {
  const Walker walker(make_acpi(2));
  EXPECT_EQ(walker.tables.size(), 5U);
  for (const char* signature : {"XSDT", "FACP", "APIC", "MCFG", "DSDT"}) {
    EXPECT_EQ(walker.tables.count(signature), 1U) << signature;
  }
}

TEST(Acpi, DescribesAHardwareReducedMachine) {
  const Acpi acpi = make_acpi(1);
  const auto fadt = Walker(acpi).as<Fadt>("FACP");
  EXPECT_EQ(copy(fadt.header.revision), 6);
  EXPECT_EQ(copy(fadt.flags) & (1U << 20), 1U << 20);
  EXPECT_EQ(copy(fadt.boot_flags), 0x24);
  EXPECT_EQ(copy(fadt.reset_register.address), layout::kResetPort);
  EXPECT_EQ(copy(fadt.sleep_control.address), layout::kSleepControl);
  EXPECT_EQ(copy(fadt.sleep_status.address), layout::kSleepStatus);
}

TEST(Acpi, PlacesEcam) {
  const Acpi acpi = make_acpi(1);
  const auto mcfg = Walker(acpi).as<Mcfg>("MCFG");
  EXPECT_EQ(copy(mcfg.ecam), layout::kEcam.start);
  EXPECT_EQ(copy(mcfg.last_bus), 0);
}

/// How many entries of each type TABLE, a MADT, has.
std::map<int, int> count_entries(const Table& table) {
  std::map<int, int> counts;
  std::size_t at = sizeof(Madt);
  while (at + 2 <= table.size()) {
    ++counts[std::to_integer<int>(table[at])];
    at += std::to_integer<std::size_t>(table[at + 1]);
  }
  EXPECT_EQ(at, table.size());
  return counts;
}

TEST(Acpi, NamesEveryProcessor) {
  EXPECT_EQ(count_entries(make_madt(8)), (std::map<int, int>{{0, 8}, {1, 1}, {4, 1}}));
  EXPECT_EQ(count_entries(make_madt(255)), (std::map<int, int>{{0, 255}, {1, 1}, {4, 1}}));
  EXPECT_EQ(count_entries(make_madt(300)),
            (std::map<int, int>{{0, 255}, {1, 1}, {4, 1}, {9, 45}, {10, 1}}));
}

TEST(Acpi, BoundsTheNumberOfProcessors) {
  EXPECT_THAT(error_of([] { make_acpi(0); }), HasSubstr("1 to 4096"));
  EXPECT_THAT(error_of([] { make_acpi(4097); }), HasSubstr("1 to 4096"));
  EXPECT_THAT(error_of([] { make_acpi(4096); }), HasSubstr("do not fit"));
  EXPECT_NO_THROW(make_acpi(1024));
}

TEST(Acpi, NamesTheWindowForUpperBarsWhereThereIsOne) {
  const Range bars{5 * kGiB, 2 * kGiB};
  const auto descriptor = aml::prefetchable_window(bars);
  const auto named = [&](const Acpi& acpi) {
    const Table dsdt = Walker(acpi).tables.at("DSDT");
    return std::search(dsdt.begin(), dsdt.end(), descriptor.begin(), descriptor.end()) !=
           dsdt.end();
  };
  EXPECT_TRUE(named(make_acpi(1, bars)));
  EXPECT_FALSE(named(make_acpi(1)));
}

TEST(Acpi, IsWrittenWhereTheMapReservesIt) {
  const auto memory = make_memory(2 * kMiB);
  const auto rsdp = build_acpi(memory, 1);
  EXPECT_EQ(rsdp.value, layout::kAcpiTables.start);
  EXPECT_EQ(memory.load<std::uint64_t>(rsdp), 0x2052'5450'2044'5352U);  // "RSD PTR "
}

/// What the shell command COMMAND prints, and how it ends.
std::pair<std::string, int> run(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> chunk{};
  while (const auto got = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    output.append(chunk.data(), got);
  }
  return {output, ::pclose(pipe)};
}

TEST(Acpi, RoutesThePinsOfPciOnlyWhereAFunctionHasOne) {
  const auto has_routing = [](const Range& upper_bars) {
    const Table dsdt = Walker(make_acpi(1, upper_bars)).tables.at("DSDT");
    constexpr std::string_view kName = "_PRT";
    const auto* text = reinterpret_cast<const char*>(dsdt.data());
    return std::string_view(text, dsdt.size()).find(kName) != std::string_view::npos;
  };
  EXPECT_TRUE(has_routing({5 * kGiB, 2 * kGiB}));
  EXPECT_FALSE(has_routing({}));
}

/// Disassembles each table with ACPICA's iasl, and compiles the outcome again.
TEST(Acpi, SatisfiesTheReferenceCompiler) {
  if (run("iasl -v").second != 0) GTEST_SKIP() << "iasl is not installed (acpica-tools)";
  namespace fs = std::filesystem;
  const fs::path folder = ::testing::TempDir() + "hive-acpi-" + std::to_string(::getpid());
  fs::create_directory(folder);
  const Acpi acpi = make_acpi(3, {5 * kGiB, 2 * kGiB});
  for (const auto& [signature, table] : Walker(acpi).tables) {
    const std::string file = (folder / signature).string();
    std::ofstream(file + ".aml", std::ios::binary)
        .write(reinterpret_cast<const char*>(table.data()),
               static_cast<std::streamsize>(table.size()));
    const auto [listing, listed] = run("iasl -d " + file + ".aml");
    EXPECT_EQ(listed, 0) << listing;
    EXPECT_THAT(listing, Not(HasSubstr("Warning"))) << listing;
    EXPECT_THAT(listing, Not(HasSubstr("Error"))) << listing;
    const auto [report, compiled] = run("iasl " + file + ".dsl");
    EXPECT_EQ(compiled, 0) << report;
    EXPECT_THAT(report, HasSubstr("0 Errors, 0 Warnings, 0 Remarks")) << signature;
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace hive::boot::acpi
