// Answers the requests of guests, and of other homes' monitors on their behalf, about one home's
// contribution.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/firewall/gatekeeper.h"
#include "guests/abi/global_memory.h"
#include "vmm/base/ids.h"

namespace hive::firewall {

/// A request's tag, and STATUS with TEXT (cut to what fits) for people.
hive_global_reply refuse_request(const hive_global_request& request, hive_global_status status,
                                 std::string_view text);

/// What HIVE_GLOBAL_CELL is answered about the home that it asks for.
hive_global_reply describe_cell(const hive_global_request& request, std::string_view name,
                                std::uint64_t pages);

/// Requests are hostile: any bytes get a reply. Who asks is known from where the request came.
class RequestDesk {
 public:
  /// GATEKEEPER, which outlives the desk, is that of cell NAMES[its home].
  RequestDesk(Gatekeeper& gatekeeper, std::vector<std::string> names)
      : gatekeeper_(gatekeeper), names_(std::move(names)) {}

  /// Does what REQUEST, whose `home` is this one, asks for cell FROM.
  hive_global_reply answer(CellId from, const hive_global_request& request);

  /// Whether OPERATION is not everybody's, but home's, or a creator's on its sections.
  static bool is_decision(std::uint32_t operation);

 private:
  struct Call;
  using Handler = void (RequestDesk::*)(Call&);
  static Handler handler_of(std::uint32_t operation);

  void cell(Call& call);
  void next_section(Call& call);
  void find_section(Call& call);
  void open_section(Call& call);
  void close_section(Call& call);
  void page(Call& call);
  void written(Call& call);
  void create_section(Call& call);
  void destroy_section(Call& call);
  void grant(Call& call);
  void revoke(Call& call);

  /// Whether who asks may decide about what it asks for.
  [[nodiscard]] bool may_decide(const Call& call) const;
  /// How long a grant that CALL asks for may hold this home's monitor up.
  [[nodiscard]] std::chrono::milliseconds patience(const Call& call) const;
  [[nodiscard]] CellId home() const { return gatekeeper_.ledger().home(); }
  /// The pages that CALL counts within: its section's or all. Refuses where there is no such
  /// section.
  std::optional<PageRange> frame(Call& call);
  /// The page that CALL names, within the contribution.
  std::optional<PageIndex> page_of(Call& call);
  /// The runs that CALL describes, within the contribution.
  std::optional<PageRanges> pattern(Call& call);
  /// RANGES without the pages of HIVE_SYSTEM_SECTION.
  [[nodiscard]] PageRanges grantable(const PageRanges& ranges) const;
  bool check_cell(Call& call);
  void describe(Call& call, const Section& section);
  /// Where the section went that CALL was about.
  void tell_where(Call& call) const;

  Gatekeeper& gatekeeper_;
  std::vector<std::string> names_;
};

}  // namespace hive::firewall
