// A monitor's part in global memory: its cell's contribution, what the other cells contribute, and
// the writes of the cell's VMM to those.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/agree/cell_set.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/fault_server.h"
#include "cellmon/control/heritage.h"
#include "cellmon/control/recovery_news.h"
#include "cellmon/control/siblings.h"
#include "cellmon/firewall/gatekeeper.h"
#include "cellmon/firewall/request_desk.h"
#include "cellmon/recover/discard.h"
#include "cellmon/wire/packet_socket.h"
#include "vmm/cell/config.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Owns the cell's contribution and its ledger, has the contributions of all other cells by way of
/// their monitors, and hands the guards of its VMM to the homes' monitors. A home whose monitor is
/// gone cannot decide any more: this monitor takes its guard back and denies all. If the same
/// process comes back it gets the guard again, and so does a later one that has taken over the same
/// contribution; where it has another one, that is what this cell's next VMM is given. So it does
/// with a home that is out of the view, until that is in again; its cell has no rights here
/// meanwhile, and is given none.
///
/// Rights end with incarnations: with the end of the cell's VMM, other homes take theirs back from
/// the cell, and this home takes all rights to its pages from the others.
///
/// Single-threaded.
class GlobalMemory : public SiblingsPart {
 public:
  /// Told of writes to this home's pages that were stopped; DETAIL is for people.
  using OnViolation = std::function<void(CellId writer, const std::string& detail)>;
  using OnReply = std::function<void(const hive_global_reply& reply)>;
  /// Which home new sections are to be placed at, if any is advised.
  using AdvisedHome = std::function<std::optional<CellId>()>;
  /// The guest says that it has used section NUMBER of HOME, not 0, COUNT times more.
  using OnUsed = std::function<void(CellId home, std::uint32_t number, std::uint64_t count)>;

  /// How long a home's monitor may take to answer a guest of another cell.
  static constexpr std::chrono::milliseconds kReplyLimit{2'000};
  /// Violations of one incarnation of a cell that are told one by one; more are only counted.
  static constexpr unsigned kMaxTold = 100;

  /// Whether any cell of MACHINE contributes memory.
  static bool is_in(const plan::Machine& machine);

  /// Makes the contribution of the cell whose monitor knows SIBLINGS, which have not been started.
  /// Where HERITAGE has it, it is taken over, without its content. Throws Error.
  GlobalMemory(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
               OnViolation on_violation, spdlog::logger& log, Heritage heritage = {});
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;
  GlobalMemory(GlobalMemory&&) = delete;
  GlobalMemory& operator=(GlobalMemory&&) = delete;
  ~GlobalMemory() override;

  /// What the other monitors are greeted with: the contribution's file, if any, and the doorbells.
  [[nodiscard]] std::vector<int> files() const;

  /// All that is known of it: what a monitor is to take over that is started in place of another.
  [[nodiscard]] std::vector<GlobalFileNumbers> heritage() const;

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;
  void on_cut_off(CellId cell) override;
  void on_admitted(CellId cell) override;

  /// What a VMM is to be started with; the descriptors stay this object's.
  [[nodiscard]] cell::GlobalConfig config() const;
  /// The VMM of INCARNATION has been started, with LINK (vmm/cell/global_protocol.h).
  void attach(UniqueFd link, Incarnation incarnation);
  /// It has ended.
  void detach();

  /// Recovery from the end of the cells FAILED, a step each (recover::Step); nothing where this is
  /// no home. Takes what they had of this home's pages, also what ended with their VMMs, and notes
  /// what is to be discarded: how many pages.
  std::uint64_t condemn(agree::CellSet failed);
  /// Drops the content of the noted pages. False where the host cannot, as the log says.
  [[nodiscard]] bool discard();
  /// The guest's programs hear what VIEW says of other cells' incarnations.
  void note_view(const agree::View& view);
  /// The guest's programs may take the locks of CELLS, which can write nothing any more.
  void abandon_locks(agree::CellSet cells);
  /// Has the guest find all-ones in what the cells that are cut off contribute, and in nothing
  /// else. False while the VMM has not said that it is so; it does, ON_CLOSED tells
  /// (set_on_closed()).
  [[nodiscard]] bool close_homes();
  void set_on_closed(std::function<void()> on_closed) { on_closed_ = std::move(on_closed); }
  /// Whether the guest is closed off from CELL's contribution, and how often it was.
  [[nodiscard]] bool is_closed(unsigned cell) const {
    return link_ != nullptr && (closed_ >> cell & 1) != 0;
  }
  [[nodiscard]] unsigned closings(unsigned cell) const { return peers_[cell].closings; }
  /// Writes of the guests of this cell to closed homes, which were stopped.
  [[nodiscard]] std::uint64_t memory_failures() const { return failures_before_ + failures_; }
  /// Pages of this home that recovery has discarded.
  [[nodiscard]] std::uint64_t discarded() const { return discarded_; }
  /// Hands the noted pages out anew, tells the guest that they were dropped since FAILED failed, in
  /// EPOCH, and notes them no more.
  void renew(agree::CellSet failed, std::uint64_t epoch);
  /// This cell's own incarnation is over: drops all of its content.
  void discard_all();
  /// All of this home's content is gone, under those who use it. Only where is_home(). False where
  /// the host cannot, as the log says.
  bool lose_all();

  void set_advised_home(AdvisedHome advised) { advised_home_ = std::move(advised); }
  /// Sections that other homes have made for the guest, as was advised.
  [[nodiscard]] std::uint64_t placed() const { return placed_; }
  void set_on_used(OnUsed on_used) { on_used_ = std::move(on_used); }

  /// Whether the cell contributes any.
  [[nodiscard]] bool is_home() const { return gatekeeper_.has_value(); }
  /// Only where is_home().
  [[nodiscard]] const firewall::Gatekeeper& gatekeeper() const { return *gatekeeper_; }
  [[nodiscard]] firewall::Gatekeeper& gatekeeper() { return *gatekeeper_; }
  /// Does what home may, by this monitor's own word. Only where is_home().
  hive_global_reply decide(hive_global_request request);

  // What moves of sections need: global_memory_moves.cpp.

  /// The file of CELL's contribution, which stays this object's; -1: there is none.
  [[nodiscard]] int file(CellId cell) const;
  /// The latest VMM of CELL that has had access; of this cell, the one that runs.
  [[nodiscard]] Incarnation admitted(CellId cell) const;
  /// Whether PAGES have some that may yet be discarded.
  [[nodiscard]] bool awaits_discard(const firewall::PageRange& pages) const;
  /// CELL, whose rights have ended, had LOST of pages that come to this home now, and that nobody
  /// sees yet: they are discarded where it has failed, and else where it turns out to have.
  void take_over_loss(CellId cell, const firewall::Revocation& lost);
  /// Calls ON_DROPPED with each cell that loses all its rights here, and ON_ENDED when all sections
  /// have ended.
  void set_on_endings(std::function<void(CellId cell)> on_dropped, std::function<void()> on_ended) {
    on_dropped_ = std::move(on_dropped);
    on_sections_ended_ = std::move(on_ended);
  }

  [[nodiscard]] Siblings::State peer_state(unsigned cell) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::vector<std::uint64_t>& sizes() const { return sizes_; }
  [[nodiscard]] unsigned own() const { return own_; }

 private:
  struct Orphan;
  /// What the current VMM gave for one home, kept in case that home's monitor goes.
  struct Guard {
    UniqueFd descriptor;
    UniqueFd denials;
    std::uint64_t base = 0;
  };
  struct Peer {
    std::uint64_t life = 0;   ///< Its monitor's; 0: it has not joined.
    bool cut_off = false;     ///< It decides no more, also where its monitor lives: it may hang.
    bool going_down = false;  ///< As asked for: what it has written stays.
    std::uint64_t guard_life = 0;  ///< Of the monitor that was given `guard`.
    UniqueFd file;
    std::vector<UniqueFd> doorbells;
    std::optional<Guard> guard;
    std::unique_ptr<Orphan> orphan;
    unsigned told = 0;         ///< Violations of its current incarnation.
    Incarnation admitted = 0;  ///< The latest VMM that was given access.
    unsigned closings = 0;     ///< How often this cell's guest was closed off from it.
    /// Sections of this home that it has asked for, the last ones: their numbers, by its requests'.
    std::map<std::uint32_t, std::uint32_t> made;
  };

  void admit(CellId cell, const mesh::Admit& admit, std::vector<UniqueFd> files);
  void take_leave(CellId cell);
  /// CELL loses all rights, and may have failed.
  void drop(CellId cell);
  /// CELL has LOST these rights with its VMM.
  void note_lost(CellId cell, const firewall::Revocation& lost);
  /// PAGES are handed out anew: nothing of what failed cells wrote there may be seen in them.
  void forget_noted(const firewall::PageRange& pages);
  [[nodiscard]] bool drop_content(const firewall::PageRanges& ranges);
  [[nodiscard]] bool drop_content(const firewall::PageRange& range);
  [[nodiscard]] bool zero_content(const firewall::PageRange& range) const;

  void take_link_packet(std::string_view bytes, std::vector<UniqueFd> files);
  void take_guard(std::string_view bytes, std::vector<UniqueFd> files);
  /// The homes that have to be closed.
  [[nodiscard]] std::uint64_t wanted_closed() const;
  void note_closed(std::uint64_t homes);
  void take_closed(std::string_view bytes);
  void take_failures(std::string_view bytes);
  void offer(unsigned home);
  void send_guard(unsigned home);
  void adopt(unsigned home);
  void take_over(Heritage heritage);
  /// This cell's VMM can write none of HOME's pages. Throws Error.
  [[nodiscard]] memory::WriteGuard shut(unsigned home);
  [[nodiscard]] bool try_shut(std::size_t home);

  // global_memory_requests.cpp
  void take_request(const hive_global_request& request);
  [[nodiscard]] hive_global_reply note_use(const hive_global_request& request) const;
  /// Makes a section where it is best.
  void place(const hive_global_request& request);
  void create_here(hive_global_request request, const std::string& why_not_there);
  void ask(const hive_global_request& request, bool is_placed = false);
  void take_reply(CellId cell, const mesh::Reply& reply);
  /// What was asked for is not waited for any more.
  void abandon_request();
  /// The link to HOME is there again: what was abandoned is taken back, where it may have got to
  /// that process.
  void undo_abandoned(unsigned home, bool is_later);
  /// What FROM's monitor asks, and asks for no more.
  void serve(CellId from, const mesh::Request& asked);
  void undo(CellId from, std::uint32_t sequence);
  /// Ends section NUMBER, which CREATOR does not want any more. False while it is on its way.
  bool end_unwanted(CellId creator, std::uint32_t number);
  void end_all_unwanted();
  void finish_request(const hive_global_reply& reply);
  void give_up_request(unsigned home, const std::string& why);
  [[nodiscard]] hive_global_reply answer(CellId from, const hive_global_request& request);
  /// The home's sections and rights as an incarnation finds them.
  void begin_anew();
  [[nodiscard]] bool is_untouched() const;

  void tell(const firewall::ViolationRecord& violation);

  boost::asio::io_context& loop_;
  spdlog::logger& log_;
  Siblings& siblings_;
  unsigned own_;
  std::vector<std::string> names_;
  std::vector<std::uint64_t> sizes_;
  cell::OnViolation policy_;
  OnViolation on_violation_;
  std::optional<firewall::Gatekeeper> gatekeeper_;
  std::optional<firewall::RequestDesk> desk_;
  std::optional<FaultServer> faults_;
  std::optional<RecoveryNews> news_;  ///< Where the contribution is large enough.
  std::optional<recover::DoomedPages> doomed_;
  /// What cells lost with their VMMs, until these are back or the cells have failed.
  std::map<CellId, recover::DoomedPages> lost_;
  std::vector<Peer> peers_;      ///< One for each cell; the own one has the contribution's file.
  Incarnation incarnation_ = 0;  ///< Of the VMM that is attached; 0: none.
  std::unique_ptr<wire::PacketSocket> link_;
  std::uint64_t closed_ = 0;            ///< What the VMM that is attached has closed.
  std::optional<std::uint64_t> asked_;  ///< What it has been asked to, and has not yet.
  std::function<void()> on_closed_;
  std::function<void(CellId)> on_dropped_;
  std::function<void()> on_sections_ended_;
  OnUsed on_used_;
  AdvisedHome advised_home_;
  std::uint64_t discarded_ = 0;
  std::uint64_t failures_ = 0;         ///< As the VMM that is or was attached last has told.
  std::uint64_t failures_before_ = 0;  ///< As those before it have.
  /// The guest's request under way at another home.
  struct Pending {
    std::uint32_t sequence = 0;
    unsigned home = 0;
    hive_global_request request{};
    bool is_placed = false;  ///< The guest left it to its monitor where.
  };
  std::optional<Pending> pending_;
  std::uint32_t last_sequence_ = 0;
  /// Sections that were asked for and are wanted no more, by sequence: of which home. Until that
  /// is known to have heard it.
  std::map<std::uint32_t, unsigned> abandoned_;
  std::uint64_t placed_ = 0;
  Deadline reply_limit_;
  /// Sections that are not wanted any more, but are on their way: by whom, and their numbers.
  std::vector<std::pair<CellId, std::uint32_t>> unwanted_;
  Deadline end_again_;
};

}  // namespace hive::control
