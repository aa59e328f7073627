// A monitor's membership, on its loop: the mesh carries its messages, timers its time, state pages
// its heartbeats.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/recoverer.h"
#include "cellmon/control/siblings.h"
#include "cellmon/member/membership.h"
#include "cellmon/member/state_page.h"
#include "cellmon/wire/view_status.h"
#include "vmm/base/monotonic.h"

namespace hive::control {

/// Joins a member::Membership, and the recovery that follows its views, with the other monitors.
/// Single-threaded.
class Members : public SiblingsPart, private member::Surroundings {
 public:
  struct Handlers {
    /// The guest must stand still, until resume(): suspended() says when it does. Whether it stands
    /// still already. This handler and those that follow, but `changed`, may be called from within
    /// calls to this object, and may not call it.
    std::function<bool()> suspend;
    std::function<void()> resume;
    /// The cell is no member any more.
    std::function<void()> left;
    /// The cell has to fail, for reason WHY: the others wait for what its VMM does not do.
    std::function<void(const std::string& why)> give_up;
    /// The cell's restart policy: it is started anew, unless it is about to.
    std::function<void()> start_anew;
    /// Another monitor of CELL is to be started. PROCESS is a pidfd of the last one, which is known
    /// to HAVE_ENDED or not, or -1.
    std::function<void(CellId cell, int process, bool has_ended)> replace;
    /// CELL's failure takes the machine down, and so this cell. May come more than once.
    std::function<void(CellId cell)> stop_machine;
    /// Something for people.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
    /// What is asked of this object may have another answer than before. From the loop.
    std::function<void()> changed;
  };

  /// Joins SIBLINGS, which have not been started, of MACHINE. LIFE is this process's; MEMORY, the
  /// cell's part in global memory, is null where the machine has none, and outlives this object.
  /// Throws Error.
  Members(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
          agree::Life life, GlobalMemory* memory, Handlers handlers, spdlog::logger& log);
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  Members(Members&&) = delete;
  Members& operator=(Members&&) = delete;
  ~Members() override;

  /// What the other monitors are greeted with, after all else: the state page.
  [[nodiscard]] int file() const { return page_.file(); }
  /// Begins to show a heartbeat and to look at those of others.
  void start();

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;
  [[nodiscard]] bool knows_witnesses() const override { return true; }

  /// See member::Membership.
  void set_own_evidence(agree::EvidenceSet evidence);
  void suspended();
  void go_down();
  /// The monitor that was to be started in place of CELL's has not come up.
  void not_replaced(CellId cell);
  void accuse(CellId suspect, agree::EvidenceSet evidence);
  void doubt(CellId suspect, agree::EvidenceSet evidence);
  /// Whether accusing SUSPECT of what is no conclusive evidence would be heard.
  [[nodiscard]] bool may_accuse(CellId suspect) const;
  /// A fault: the others see no heartbeat, for DURATION, or for good.
  void freeze_heartbeat(std::optional<std::chrono::milliseconds> duration);
  /// A fault: the link to CELL's monitor is cut, for DURATION, or for good.
  void cut_link(CellId cell, std::optional<std::chrono::milliseconds> duration) {
    siblings_.cut_link(cell, duration);
  }
  /// Whether that fault lasts.
  [[nodiscard]] bool is_cut(CellId cell) const { return siblings_.is_cut(cell); }
  [[nodiscard]] bool is_linked(CellId cell) const {
    return siblings_.state(cell) == Siblings::State::kJoined;
  }
  /// Asks to be let in if the cell is out.
  void join();
  /// Whether the cell's VMM may be started: it is a member, and all have recovered.
  [[nodiscard]] bool may_start() const {
    return membership_.may_start() && recoverer_.is_complete();
  }
  [[nodiscard]] bool is_suspending() const { return membership_.is_suspending(); }
  [[nodiscard]] const agree::View& view() const { return membership_.view(); }

  /// The VMM of INCARNATION runs; 0: none does.
  void set_incarnation(Incarnation incarnation);
  /// How the guest does, for the others to see.
  void set_guest(const member::GuestFigures& figures) { page_.set_guest(figures, monotonic_now()); }
  void set_memory(const member::MemoryFigures& figures) {
    page_.set_memory(figures, monotonic_now());
  }
  /// What the cell has of the machine.
  void set_shares(const member::Shares& shares) { page_.set_shares(shares, monotonic_now()); }
  /// Its sections that may be moved, and what it uses of all cells'.
  void set_sections(const member::Sections& sections) {
    page_.set_sections(sections, monotonic_now());
  }
  void set_uses(const member::Uses& uses) { page_.set_uses(uses, monotonic_now()); }

  /// Descriptors of all cells' state pages, in the order of the plan; -1: there is none. They stay
  /// this object's.
  [[nodiscard]] std::vector<int> page_files() const;
  /// Grows whenever another page takes a place among page_files().
  [[nodiscard]] std::uint64_t page_generation() const { return page_generation_; }
  /// What CELL's page says now; nothing where there is none.
  [[nodiscard]] std::optional<StateReading> read_page(CellId cell) const;

  [[nodiscard]] wire::ViewStatus status() const;
  [[nodiscard]] const member::Figures& figures() const { return membership_.figures(); }
  [[nodiscard]] const metrics::Histogram& recovery_times() const { return recoverer_.times(); }
  /// How late this monitor's own heartbeats were.
  [[nodiscard]] const metrics::Histogram& heartbeat_delays() const { return beat_delays_; }

 private:
  // member::Surroundings
  void send(CellId to, const agree::Message& message) override;
  void ask(CellId suspect, std::uint32_t number) override;
  bool suspend() override { return handlers_.suspend(); }
  void resume() override { handlers_.resume(); }
  void left() override { handlers_.left(); }
  void recover(agree::CellSet /*failed*/) override {}  // The view says so, in follow_view().
  void tell(const std::string& kind, const std::string& detail) override;
  void changed() override;

  using Timer = boost::asio::steady_timer;

  /// Runs TASK from the loop, unless this object is gone by then.
  void later(std::function<void()> task);
  void arm();
  void beat();
  Recoverer::Hooks recovery_hooks();
  void stop_machine(CellId cell);
  void replace(CellId cell);
  template <typename Struct>
  void tell_all(const Struct& packet);
  /// What the membership and the recovery say to each other.
  void follow_view();
  /// Cuts CELLS off, and admits who is back.
  void cut_off(agree::CellSet cells);
  void admit();
  [[nodiscard]] agree::CellSet cells_out() const;
  void watch_process(CellId cell);

  boost::asio::io_context& loop_;
  Siblings& siblings_;
  Handlers handlers_;
  spdlog::logger& log_;
  member::OwnPage page_;
  member::Membership membership_;
  Recoverer recoverer_;
  std::map<CellId, std::unique_ptr<member::PeerPage>> pages_;
  std::map<CellId, UniqueFd> page_files_;
  std::uint64_t page_generation_ = 0;
  /// Of the monitor at the present or last link, unless the host cannot tell.
  std::map<CellId, boost::asio::posix::stream_descriptor> processes_;
  std::map<CellId, agree::Life> lives_;  ///< With which the processes at the links began.
  agree::CellSet ended_;                 ///< Those processes that have.
  Timer timer_;
  agree::Time armed_ = agree::kNever;
  Timer beat_timer_;
  agree::Time next_beat_ = 0;
  agree::Time frozen_until_ = 0;  ///< No heartbeat before.
  metrics::Histogram beat_delays_;
  agree::CellSet out_;       ///< Who is cut off.
  agree::CellSet stoppers_;  ///< Whose failure takes the machine down.
  bool has_news_ = false;
  bool going_down_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hive::control
